import { join } from "node:path";
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";

/**
 * All of the project's tests in one run, each project with its own set-up. `TESTS=full` runs the exhaustive tests
 * alone, which are in files named `*.full.test.ts`; without it, all others run.
 */

const ROOT = join(import.meta.dirname, "..");
const EXCLUDED = [
  "**/node_modules/**",
  process.env.TESTS === "full" ? "**/!(*.full).test.ts" : "**/*.full.test.ts",
];
/** Against tests that hang. On a busy machine a job takes many times its ten seconds. */
const HANG_TIMEOUT_MS = 240_000;

/** The processes that tests start compile each module once. */
const env = { NODE_COMPILE_CACHE: join(ROOT, "node_modules", ".cache", "node-compile-cache") };

/** A package with its own vitest.config.ts. */
function packageProject(name: string, path = name, groupOrder = 0): TestProjectInlineConfiguration {
  const root = join(ROOT, path);
  const test = { name, exclude: EXCLUDED, env, sequence: { groupOrder } };
  return { extends: join(root, "vitest.config.ts"), root, test };
}

export default defineConfig({
  test: {
    projects: [
      packageProject("shared"),
      // Its files share one worker, and projects of one group need the same number of workers.
      packageProject("control-plane", "control-plane", 1),
      packageProject("embedded", "control-plane/embedded"),
      packageProject("gpu-agent"),
      packageProject("cpu-trainer", "gpu-agent/cpu-trainer"),
      packageProject("formats", "gpu-agent/formats"),
      packageProject("sample-clip", "gpu-agent/sample-clip"),
      {
        root: import.meta.dirname,
        test: {
          name: "scripts",
          env,
          environment: "node",
          exclude: [...EXCLUDED, "e2e/faults/**", "simulation/**"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        root: join(import.meta.dirname, "e2e", "faults"),
        test: {
          name: "faults",
          env,
          environment: "node",
          exclude: EXCLUDED,
          globalSetup: ["prepare.ts"],
          testTimeout: HANG_TIMEOUT_MS,
          hookTimeout: 300_000,
        },
      },
      {
        root: join(import.meta.dirname, "simulation"),
        test: {
          name: "simulation",
          environment: "node",
          exclude: EXCLUDED,
          // After all others: it uses as many threads as there are cores.
          sequence: { groupOrder: 2 },
        },
      },
    ],
    // The tests have to pass on two cores.
    maxWorkers: 2,
  },
});
