import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { name: "gpu-agent", environment: "node", testTimeout: 30_000 },
});
