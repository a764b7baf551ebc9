import { describe, expect, it } from "vitest";
import { tallyOf } from "./tally.ts";

const file = (status: string, ...tests: string[]) => ({
  status,
  assertionResults: tests.map((test) => ({ status: test })),
});

describe("tallyOf", () => {
  it.each([
    ["passed tests", [file("passed", "passed", "passed")], 0, { passed: 2, failed: 0, skipped: 0 }],
    ["failed tests", [file("failed", "passed", "failed")], 1, { passed: 1, failed: 1, skipped: 0 }],
    ["skipped tests", [file("passed", "skipped", "todo")], 0, { passed: 0, failed: 0, skipped: 2 }],
    ["a file that does not load", [file("failed")], 1, { passed: 0, failed: 1, skipped: 0 }],
    ["a failed hook", [file("failed", "pending")], 1, { passed: 0, failed: 1, skipped: 1 }],
    ["an exit code alone", [file("passed", "passed")], 1, { passed: 1, failed: 1, skipped: 0 }],
    ["a signal alone", [file("passed", "passed")], null, { passed: 1, failed: 1, skipped: 0 }],
    ["an exit code with a failure", [file("failed", "failed")], 1, { passed: 0, failed: 1, skipped: 0 }],
  ])("counts %s", (_, testResults, exitCode, tally) => {
    expect(tallyOf({ testResults }, exitCode)).toEqual(tally);
  });

  it.each([[null], [{}], [{ testResults: "none" }]])("counts the report %j as a failure", (report) => {
    expect(tallyOf(report, 0)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });
});
