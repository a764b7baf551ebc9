import { z } from "zod";

/** The outcome of a run. A check, a test file that does not load and a runner that crashes each count as a test. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export const NOTHING: Tally = { passed: 0, failed: 0, skipped: 0 };

export function sum(a: Tally, b: Tally): Tally {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

/** The part of vitest's JSON report that is counted. */
const VitestReport = z.object({
  testResults: z.array(
    z.object({
      status: z.string(),
      assertionResults: z.array(z.object({ status: z.string() })),
    }),
  ),
});

/**
 * Counts vitest's tests. Every sign of a failure counts, including a file that failed without a failed test (it did not
 * load, or a hook failed) and an exit code that the report does not explain.
 *
 * @param report vitest's JSON report, or null when there is none
 * @param exitCode null when a signal ended vitest
 */
export function tallyOf(report: unknown, exitCode: number | null): Tally {
  const parsed = VitestReport.safeParse(report);
  if (!parsed.success) return { ...NOTHING, failed: 1 };
  const files = parsed.data.testResults;
  const tests = files.flatMap(({ assertionResults }) => assertionResults);
  const count = (status: string) => tests.filter((test) => test.status === status).length;
  const brokenFiles = files.filter(
    (file) => file.status === "failed" && file.assertionResults.every(({ status }) => status !== "failed"),
  );
  const passed = count("passed");
  const failed = count("failed") + brokenFiles.length;
  const isUnexplained = exitCode !== 0 && failed === 0;
  return { passed, failed: isUnexplained ? 1 : failed, skipped: tests.length - passed - count("failed") };
}
