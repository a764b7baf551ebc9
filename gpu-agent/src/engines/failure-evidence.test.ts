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
  ])("reports only how the program ended: $exit.signal $exit.exitCode", ({ exit, detail }) => {
    expect(conclude(["all is well"], exit)).toEqual({ code: "training_failed", detail });
  });

  it("quotes the last line of a program that exited with an error", () => {
    const exit = { exitCode: 2, signal: null, tail: ["loading", "\u001b[31mno camera named left\u001b[0m"] };
    expect(conclude([], exit).detail).toBe(
      "It ended (exit code 2) without the last checkpoint. Its last line: no camera named left",
    );
  });

  it.each([
    {
      said: "a panic",
      lines: [
        "thread 'main' (33548) panicked at crates/server.rs:347:35:",
        "the index is out of range",
        "note: run with `RUST_BACKTRACE=1`",
        "thread 'other' panicked at crates/other.rs:1:1:",
        "the other thread is gone",
      ],
      reason: "the index is out of range",
    },
    {
      said: "an exception of C++",
      lines: [
        "terminate called after throwing an instance of 'std::runtime_error'",
        "  what():  no such camera",
      ],
      reason: "no such camera",
    },
  ])("finds the reason of $said", ({ lines, reason }) => {
    expect(conclude(lines)).toEqual({ code: "training_failed", detail: reason });
  });

  it("truncates an overlong line", () => {
    expect(conclude([`ValueError: ${"x".repeat(5000)}`]).detail.length).toBe(401);
  });
});
