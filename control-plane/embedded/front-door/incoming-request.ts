import type { IncomingMessage, ServerResponse } from "node:http";
import { REQUEST_ID_HEADER, requestIdOf } from "../../src/http/request-id.ts";
import { ChunkCounter } from "./bodies.ts";
import type { DoorLimits } from "./limits.ts";
import type { RequestHead } from "./routes-passed.ts";

/** How long a client may continue to send an unwanted body before its connection is cut. */
const UNWANTED_BODY_MS = 5000;

export function headOf({ method = "", url = "", httpVersion, rawHeaders }: IncomingMessage): RequestHead {
  return { method, target: url, version: httpVersion, rawHeaders };
}

/** The client's id of the request if it is well-formed, else a new one. */
export function idOf({ headers }: IncomingMessage): string {
  // Cloudflare's id counts only where Cloudflare sets it.
  return requestIdOf((name) => (name === REQUEST_ID_HEADER ? String(headers[name] ?? "") : null));
}

export function hasBody({ headers }: IncomingMessage): boolean {
  return headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined;
}

/** Whether the request asks to be answered at the next change of a job. */
export function isLongPoll({ url }: IncomingMessage): boolean {
  return /[?&]wait=/.test(url ?? "");
}

export function isHealth({ url }: IncomingMessage): boolean {
  return url?.split("?", 1)[0] === "/health";
}

export function expectsContinue({ headers }: IncomingMessage): boolean {
  return headers.expect?.toLowerCase() === "100-continue";
}

/** Aborted when the client closes the connection before its answer has been sent. */
export function clientLeft(response: ServerResponse): AbortSignal {
  const left = new AbortController();
  if (response.destroyed) left.abort();
  response.once("close", () => left.abort());
  return left.signal;
}

export function answerSent(response: ServerResponse): Promise<void> {
  if (response.writableFinished || response.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    response.once("close", resolve);
    response.once("finish", resolve);
  });
}

/** Keeps reading for a moment: closing while the client is sending would lose the reply. */
export async function discardBody(request: IncomingMessage, limit: DoorLimits["chunks"]): Promise<void> {
  if (request.complete || request.destroyed) return;
  const cut = setTimeout(() => request.socket.destroy(), UNWANTED_BODY_MS);
  const counter = new ChunkCounter(limit);
  const count = (chunk: Buffer) => {
    if (!counter.allows(chunk)) request.destroy();
  };
  request.on("data", count).resume();
  await new Promise<void>((resolve) => {
    request.once("end", resolve);
    request.once("close", resolve);
  });
  clearTimeout(cut);
}
