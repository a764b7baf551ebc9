import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { name: "embedded", environment: "node", testTimeout: 60_000 },
});
