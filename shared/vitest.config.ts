import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { name: "shared", environment: "node", isolate: false, testTimeout: 30_000 },
});
