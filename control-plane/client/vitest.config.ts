import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { name: "client", environment: "node", isolate: false, testTimeout: 30_000 },
});
