import { defineConfig } from "vitest/config";

/** All of the project's tests in one run, each project with its own set-up. */
export default defineConfig({
  test: {
    projects: [
      "shared",
      "control-plane",
      "control-plane/embedded",
      "gpu-agent",
      {
        root: import.meta.dirname,
        test: {
          name: "scripts",
          environment: "node",
          exclude: ["**/node_modules/**", "e2e/faults/**"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        root: `${import.meta.dirname}/e2e/faults`,
        test: {
          name: "faults",
          environment: "node",
          globalSetup: ["prepare.ts"],
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
    ],
    // Two processor cores are enough for the tests, and all that is counted on.
    maxWorkers: 2,
  },
});
