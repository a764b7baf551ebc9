import { defineConfig } from "vitest/config";

/** All of the project's tests in one run, each project with its own set-up. */
export default defineConfig({
  test: {
    projects: [
      "shared",
      "control-plane",
      "control-plane/embedded",
      "gpu-agent",
      "gpu-agent/cpu-trainer",
      "gpu-agent/formats",
      "gpu-agent/sample-clip",
      {
        root: import.meta.dirname,
        test: {
          name: "scripts",
          environment: "node",
          exclude: ["**/node_modules/**", "e2e/faults/**", "simulation/**"],
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
          // Against tests that hang: on a busy machine a job takes many times its ten seconds.
          testTimeout: 600_000,
          hookTimeout: 300_000,
        },
      },
      {
        root: `${import.meta.dirname}/simulation`,
        // After all others: it has as many threads as there are cores, and gets through more runs with them to itself.
        test: { name: "simulation", environment: "node", sequence: { groupOrder: 1 } },
      },
    ],
    // Two processor cores are enough for the tests, and all that is counted on.
    maxWorkers: 2,
  },
});
