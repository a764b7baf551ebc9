import { defineConfig } from "vitest/config";

export default defineConfig({
  // The nested packages have their own projects.
  test: {
    name: "gpu-agent",
    environment: "node",
    // Files share their modules, so none can replace one with `vi.mock`.
    isolate: false,
    include: ["src/**/*.test.ts"],
    testTimeout: 30_000,
  },
});
