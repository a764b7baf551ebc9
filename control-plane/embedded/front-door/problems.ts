import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { PROBLEMS, type Problem, type ProblemCode } from "@splatt/shared";
import { REQUEST_ID_HEADER, requestIdOf } from "../../src/http/request-id.ts";

/** Answers a request without the Worker; under a new id where `identify` has not chosen one. */
export function answerProblem(response: ServerResponse, code: ProblemCode, detail?: string): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const requestId = String(response.getHeader(REQUEST_ID_HEADER) ?? newRequestId());
  response.setHeader(REQUEST_ID_HEADER, requestId);
  const body = problemBody(code, requestId, detail);
  response.writeHead(PROBLEMS[code].status, {
    "content-type": "application/problem+json",
    "x-content-type-options": "nosniff",
    "content-length": Buffer.byteLength(body),
    ...retryAfter(code),
  });
  response.end(body);
}

/** Answers a request without the Worker, with status 200. */
export function answerJson(response: ServerResponse, value: unknown): void {
  if (response.headersSent || response.destroyed) return;
  const body = JSON.stringify(value);
  response.writeHead(200, {
    "content-type": "application/json",
    "x-content-type-options": "nosniff",
    "content-length": Buffer.byteLength(body),
  });
  response.end(body);
}

/** Answers on a bare connection, where there is no request that Node could parse, and closes it. */
export function closeWithProblem(
  socket: Duplex,
  code: ProblemCode,
  requestId: string = newRequestId(),
): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = problemBody(code, requestId);
  const head = [
    `HTTP/1.1 ${PROBLEMS[code].status} ${PROBLEMS[code].title}`,
    `X-Request-Id: ${requestId}`,
    "Content-Type: application/problem+json",
    "X-Content-Type-Options: nosniff",
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...Object.entries(retryAfter(code)).map(([name, value]) => `${name}: ${value}`),
    "Connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
}

function newRequestId(): string {
  return requestIdOf(() => null);
}

function problemBody(code: ProblemCode, requestId: string, detail?: string): string {
  const { status, title, hint } = PROBLEMS[code];
  const problem: Problem = {
    type: "about:blank",
    title,
    status,
    detail: detail ?? title,
    code,
    hint,
    request_id: requestId,
  };
  return JSON.stringify(problem);
}

function retryAfter(code: ProblemCode): Record<string, string> {
  if (code === "storage_unwritable") return { "retry-after": "30" };
  return code === "unavailable" || code === "too_many_connections" ? { "retry-after": "5" } : {};
}
