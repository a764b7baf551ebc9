import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { name: "cpu-trainer", environment: "node", isolate: false, testTimeout: 30_000 },
});
