import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { PROBLEMS, type Problem, type ProblemCode } from "@splatt/shared";
import { readableHeaders } from "../../src/http/cross-origin-headers.ts";
import { REQUEST_ID_HEADER, requestIdOf } from "../../src/http/request-id.ts";

/** The door's own answers, given without the Worker. Pages of the sites in `CORS_ORIGINS` can read them. */
export class DoorAnswers {
  readonly #corsOrigins: string | undefined;

  constructor(corsOrigins: string | undefined) {
    this.#corsOrigins = corsOrigins;
  }

  /** Refuses a request, which gets an id if it has none. */
  problem(response: ServerResponse, code: ProblemCode, detail?: string): void {
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    const requestId = String(response.getHeader(REQUEST_ID_HEADER) ?? newRequestId());
    response.setHeader(REQUEST_ID_HEADER, requestId);
    const body = problemBody(code, requestId, detail);
    this.#send(response, PROBLEMS[code].status, "application/problem+json", body, retryAfter(code));
  }

  /** Answers with status 200. */
  json(response: ServerResponse, value: unknown): void {
    if (response.headersSent || response.destroyed) return;
    this.#send(response, 200, "application/json", JSON.stringify(value), {});
  }

  /** Answers on a bare connection, where there is no request that Node could parse, and closes it. */
  close(socket: Duplex, code: ProblemCode, from: Partial<RefusedRequest> = {}): void {
    // Node gives the connection of a CONNECT or an upgrade away without one: a reset would end this process.
    socket.on("error", () => socket.destroy());
    if (!socket.writable) {
      socket.destroy();
      return;
    }
    const { requestId = newRequestId(), target = null, origin } = from;
    const body = problemBody(code, requestId);
    const headers = {
      "x-request-id": requestId,
      "content-type": "application/problem+json",
      "x-content-type-options": "nosniff",
      "cache-control": "no-store",
      "content-length": String(Buffer.byteLength(body)),
      ...retryAfter(code),
      // Only CONNECT gets here, whose target takes no method at all.
      ...(code === "method_not_allowed" && { allow: "" }),
      ...this.#crossOrigin(target, origin),
      connection: "close",
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    const head = [`HTTP/1.1 ${PROBLEMS[code].status} ${PROBLEMS[code].title}`, ...lines];
    socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
  }

  #send(
    response: ServerResponse,
    status: number,
    type: string,
    body: string,
    headers: Readonly<Record<string, string>>,
  ): void {
    const { url = "/", headers: sent } = response.req;
    response.writeHead(status, {
      "content-type": type,
      "x-content-type-options": "nosniff",
      "cache-control": "no-store",
      "content-length": Buffer.byteLength(body),
      ...headers,
      ...this.#crossOrigin(url, sent.origin),
    });
    response.end(body);
  }

  #crossOrigin(target: string | null, origin: string | undefined): Record<string, string> {
    return readableHeaders(this.#corsOrigins, target?.split("?", 1)[0] ?? null, origin);
  }
}

/** What is known of a request that is refused on a bare connection. */
interface RefusedRequest {
  readonly requestId: string;
  readonly target: string;
  readonly origin: string | undefined;
}

/** The origin in the head of a request that Node could not parse. */
export function originIn(packet: Buffer | undefined): string | undefined {
  return /^origin:[ \t]*([\x21-\x7e]{1,300})[ \t]*\r?$/im.exec(packet?.toString("latin1") ?? "")?.[1];
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
