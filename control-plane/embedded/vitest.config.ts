import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    name: "embedded",
    environment: "node",
    setupFiles: [`${import.meta.dirname}/../src/testing/check-fetch.ts`],
    testTimeout: 60_000,
    // Starts a control plane.
    hookTimeout: 60_000,
  },
});
