import { PROBLEMS, type ProblemCode } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { contractViolation } from "./contract-check.ts";

const JSON_TYPE = { "content-type": "application/json" };
const answer = (status: number, body: unknown, headers: Record<string, string> = JSON_TYPE) => ({
  status,
  headers: new Headers({ "x-request-id": "an id", ...headers }),
  body: JSON.stringify(body),
});
const problem = (code: ProblemCode, headers: Record<string, string> = {}) => {
  const { status, title } = PROBLEMS[code];
  const body = { type: "about:blank", title, status, detail: title, code };
  return answer(status, body, { "content-type": "application/problem+json", ...headers });
};
const CREATED = { job_id: "0d3adf1e-7a4c-4f0b-9a5d-3f6f3b1f2c4d", status: "queued", message: "m" };

describe("the contract", () => {
  it.each([
    ["an answer", "POST", "/jobs", answer(200, CREATED)],
    ["a trailing slash", "POST", "/jobs/", answer(200, CREATED)],
    ["a problem of the operation", "GET", "/jobs/x/status", problem("job_not_found")],
    ["a problem of every operation", "GET", "/health", problem("internal_error")],
    ["an unknown path", "GET", "/nothing", problem("not_found")],
    ["a wrong method", "PUT", "/jobs", problem("method_not_allowed", { allow: "GET" })],
    ["HEAD, as GET without a body", "HEAD", "/health", answer(200, null)],
    ["a file of any type", "GET", "/jobs/x/results/a.ply", answer(206, null, { "content-type": "a/b" })],
  ])("describes %s", (_, method, path, given) => {
    expect(contractViolation(method, path, given)).toBeNull();
  });

  it.each([
    ["a status", "POST", "/jobs", answer(201, CREATED)],
    ["a field", "POST", "/jobs", answer(200, { ...CREATED, extra: 1 })],
    ["the lack of a field", "POST", "/jobs", answer(200, { ...CREATED, message: undefined })],
    ["a value", "POST", "/jobs", answer(200, { ...CREATED, status: "waiting" })],
    ["the form of an id", "POST", "/jobs", answer(200, { ...CREATED, job_id: "1" })],
    ["a media type", "POST", "/jobs", answer(200, CREATED, { "content-type": "text/html" })],
    ["the lack of a media type", "POST", "/jobs", answer(200, CREATED, {})],
    ["a problem's code", "GET", "/jobs/x/status", problem("upload_not_found")],
    ["the lack of a header", "PUT", "/jobs", problem("method_not_allowed")],
    ["success where there is no operation", "GET", "/nothing", answer(200, {})],
  ])("does not describe %s", (_, method, path, given) => {
    expect(contractViolation(method, path, given)).not.toBeNull();
  });
});
