import { describe, expect, it } from "vitest";
import type { ToolExit } from "../processes/run-tool.ts";
import { FailureEvidence, MACHINE_SIGNS } from "./failure-evidence.ts";

const FAILED: ToolExit = { exitCode: 1, signal: null, tail: [] };

function conclude(lines: readonly string[], exit = FAILED) {
  const evidence = new FailureEvidence(MACHINE_SIGNS);
  for (const line of lines) evidence.observe(line);
  return evidence.conclude(exit, "training_failed", "the last checkpoint");
}

describe("FailureEvidence", () => {
  it.each([
    {
      exit: { exitCode: null, signal: "SIGSEGV", tail: [] },
      detail: "It ended (SIGSEGV) without the last checkpoint.",
    },
    {
      exit: { exitCode: 0, signal: null, tail: [] },
      detail: "It ended (exit code 0) without the last checkpoint.",
    },
  ])("has only the end to go by: $exit.signal $exit.exitCode", ({ exit, detail }) => {
    expect(conclude(["all is well"], exit)).toEqual({ code: "training_failed", detail });
  });

  it("cuts a line of absurd length", () => {
    expect(conclude([`ValueError: ${"x".repeat(5000)}`]).detail.length).toBe(401);
  });
});
