import { basename, join } from "node:path";
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * All of the project's tests in one run, each package with its own set-up. `TESTS=full` runs only the exhaustive tests,
 * in files named `*.full.test.ts`; otherwise all others run.
 */

const ROOT = join(import.meta.dirname, "..");
const EXCLUDED = [
  "**/node_modules/**",
  process.env.TESTS === "full" ? "**/!(*.full).test.ts" : "**/*.full.test.ts",
];
/** Guards against tests that hang. On a busy machine a job takes many times its usual ten seconds. */
const HANG_TIMEOUT_MS = 240_000;

/** None of these is an assertion about speed. `expect.poll` waits for so long where a test does not say otherwise. */
const TIMEOUTS = {
  testTimeout: HANG_TIMEOUT_MS,
  hookTimeout: 300_000,
  expect: { poll: { timeout: 60_000 } },
};

/**
 * One more than the two cores that the tests have to pass on: end-to-end tests wait for timers and for other processes.
 */
const MAX_WORKERS = 3;

/** The processes and threads that tests start compile each module once. */
const env = { NODE_COMPILE_CACHE: join(ROOT, "node_modules", ".cache", "node-compile-cache") };

/** Compares every answer of a control plane with the contract. */
const CHECK_ANSWERS = join(ROOT, "control-plane", "src", "testing", "check-fetch.ts");

/** A package with its own vitest.config.ts. */
function packageProject(name: string, path = name): TestProjectInlineConfiguration {
  const root = join(ROOT, path);
  return {
    extends: join(root, "vitest.config.ts"),
    root,
    test: { name, exclude: EXCLUDED, env, maxWorkers: MAX_WORKERS, ...TIMEOUTS },
  };
}

/**
 * Files that last for minutes, then the projects whose files last longest. Otherwise the last ones leave a core idle.
 */
const START_ORDER = [
  "disk-failing-or-hanging.full",
  "disk-full-or-read-only.full",
  "deploy.full",
  "previous-version.full",
  "further-passes.full",
  "corpus.full",
  ...["scripts", "faults", "embedded", "gpu-agent", "control-plane"],
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ project, moduleId }: TestSpecification) => {
      const file = basename(moduleId, ".test.ts");
      const index = START_ORDER.findIndex((name) => name === file || name === project.name);
      return index < 0 ? START_ORDER.length : index;
    };
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    projects: [
      packageProject("shared"),
      packageProject("control-plane"),
      packageProject("embedded", "control-plane/embedded"),
      packageProject("client", "control-plane/client"),
      packageProject("gpu-agent"),
      packageProject("cpu-trainer", "gpu-agent/cpu-trainer"),
      packageProject("formats", "gpu-agent/formats"),
      packageProject("sample-clip", "gpu-agent/sample-clip"),
      {
        root: import.meta.dirname,
        test: {
          name: "scripts",
          setupFiles: [CHECK_ANSWERS],
          env,
          maxWorkers: MAX_WORKERS,
          environment: "node",
          exclude: [...EXCLUDED, "e2e/faults/**", "simulation/**"],
          ...TIMEOUTS,
        },
      },
      {
        root: join(import.meta.dirname, "e2e", "faults"),
        test: {
          name: "faults",
          setupFiles: [CHECK_ANSWERS],
          env,
          maxWorkers: MAX_WORKERS,
          environment: "node",
          exclude: EXCLUDED,
          globalSetup: ["prepare.ts"],
          ...TIMEOUTS,
        },
      },
      {
        root: join(import.meta.dirname, "simulation"),
        test: {
          name: "simulation",
          env,
          environment: "node",
          exclude: EXCLUDED,
          // Runs last: it uses one thread per core.
          sequence: { groupOrder: 1 },
        },
      },
    ],
    maxWorkers: MAX_WORKERS,
    sequence: { sequencer: LongestFirst },
  },
});
