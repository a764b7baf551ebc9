import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { name: "sample-clip", environment: "node", isolate: false, testTimeout: 30_000 },
});
