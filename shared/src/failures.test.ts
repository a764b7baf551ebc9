import { describe, expect, it } from "vitest";
import { FAILURE_CODES, FAILURES, failure, failureSentence } from "./failures.ts";

describe("the failure table", () => {
  it.each(FAILURE_CODES)("%s has a plain sentence and a hint", (code) => {
    const { sentence, hint } = FAILURES[code];
    expect(sentence).toMatch(/^[A-Z].*\.$/);
    expect(hint).toMatch(/^[A-Z].*\.$/);
    // Nobody reads it before the last attempt has failed.
    expect(hint).not.toContain("automatically");
    // Pages, both command lines and the agent's log show it too.
    expect(hint).not.toMatch(/\b(?:GET|POST|DELETE) |[Rr]etry the job|create a new job/);
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
  });
});

describe("failureSentence", () => {
  it.each([
    ["Port 80.", "The video file is damaged or incomplete and cannot be decoded. Port 80."],
    ["", "The video file is damaged or incomplete and cannot be decoded."],
  ])("with the detail %j", (detail, sentence) => {
    expect(failureSentence(failure("video_corrupt", detail))).toBe(sentence);
  });
});
