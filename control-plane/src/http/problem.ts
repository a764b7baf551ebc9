import { PROBLEMS, type Problem, type ProblemCode, type ValidationIssue } from "@splatt/shared";
import { currentRequestId } from "./request-context.ts";

/** Thrown by a route, answered by the app as a problem document. */
export class ApiError extends Error {
  readonly code: ProblemCode;
  readonly detail: string | readonly ValidationIssue[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: ProblemCode,
    detail: string | readonly ValidationIssue[] = PROBLEMS[code].title,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(typeof detail === "string" ? detail : PROBLEMS[code].title);
    this.name = "ApiError";
    this.code = code;
    this.detail = detail;
    this.headers = headers;
  }
}

/** RFC 9457, with FastAPI's `detail`. */
export function problemOf({ code, detail }: ApiError): Problem {
  const { status, title, hint } = PROBLEMS[code];
  return {
    type: "about:blank",
    title,
    status,
    detail: typeof detail === "string" ? detail : [...detail],
    code,
    hint,
    request_id: currentRequestId(),
  };
}

export function problemResponse(error: ApiError): Response {
  const problem = problemOf(error);
  const { status } = problem;
  return new Response(JSON.stringify(problem), {
    status,
    headers: {
      "content-type": "application/problem+json",
      ...(status === 401 && { "www-authenticate": "Bearer" }),
      ...error.headers,
    },
  });
}
