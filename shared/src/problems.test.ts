import { expect, it } from "vitest";
import { PROBLEMS, type ProblemCode, problemForPeople, problemText } from "./problems.ts";

const PROBLEM = { type: "about:blank", title: "No such job", status: 404, code: "job_not_found" };

it.each([
  ["No such job", "It was deleted.", "No such job. It was deleted."],
  ["It never existed.", "Look again.", "No such job: It never existed. Look again."],
  ["It never existed", undefined, "No such job: It never existed."],
  [
    [{ loc: ["body", "fps"], msg: "must be positive", type: "value_error" }],
    "Correct the field.",
    "No such job: body.fps: must be positive. Correct the field.",
  ],
])("a problem with the detail %j and the hint %j is told once", (detail, hint, text) => {
  expect(problemText({ ...PROBLEM, detail, hint })).toBe(text);
});

/** What only a program meets, or an agent. */
const OF_PROGRAMS: readonly ProblemCode[] = [
  "agent_unauthorized",
  "foreign_origin",
  "stale_lease",
  "part_size_mismatch",
  "part_checksum_mismatch",
  "tus_request_invalid",
  "tus_version_unsupported",
  "tus_checksum_mismatch",
  "unsupported_media_type",
  "idempotency_key_reused",
  "precondition_failed",
  "method_not_allowed",
  "malformed_request",
  "range_not_satisfiable",
  "upgrade_required",
  "headers_too_large",
];
const CODES = (Object.keys(PROBLEMS) as ProblemCode[]).filter((code) => !OF_PROGRAMS.includes(code));

it.each(CODES)("%s tells people nothing that only a program can do", (code) => {
  const { title, status, hint } = PROBLEMS[code];
  const told = problemForPeople({ type: "about:blank", title, status, code, detail: title, hint }).hint;
  expect(told).toMatch(/^[A-Z].*\.$/);
  expect(told).not.toMatch(/\b(?:GET|HEAD|POST|PUT|PATCH|DELETE) |Retry-After|X-API-Key|\bdetail\b|\{/);
});

it("keeps a hint that is more specific than the table's", () => {
  const problem = { ...PROBLEM, code: "unauthorized", detail: "", hint: "Allow cookies." };
  expect(problemForPeople(problem).hint).toBe("Allow cookies.");
});
