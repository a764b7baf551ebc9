import { defineConfig } from "vitest/config";

export default defineConfig({
  // The packages inside this one have projects of their own.
  test: {
    name: "gpu-agent",
    environment: "node",
    isolate: false,
    include: ["src/**/*.test.ts"],
    testTimeout: 30_000,
  },
});
