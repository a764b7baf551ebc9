import { expect, it } from "vitest";
import { problemText } from "./problems.ts";

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
