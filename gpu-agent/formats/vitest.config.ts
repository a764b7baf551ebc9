import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { name: "formats", environment: "node", testTimeout: 30_000 },
});
