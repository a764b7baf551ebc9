import { currentRequestId } from "../http/request-context.ts";
import { REQUEST_ID_HEADER } from "../http/request-id.ts";
import type { Seen } from "./cursor.ts";

/** What the Worker, which has checked the key, asks of the job's Dispatcher. */
export interface WatchRequest {
  readonly jobId: string;
  /** Null for the bootstrap key. */
  readonly keyId: string | null;
  readonly seen: Seen;
}

const WATCH_HEADER = "x-splatt-watch";

export function watchRequestTo(request: WatchRequest, headers = new Headers()): Request {
  headers.set("upgrade", "websocket");
  headers.set(REQUEST_ID_HEADER, currentRequestId() ?? "");
  headers.set(WATCH_HEADER, encodeURIComponent(JSON.stringify(request)));
  return new Request("https://dispatcher/watch", { headers });
}

/** @returns null when the request is an agent's */
export function readWatchRequest(request: Request): WatchRequest | null {
  const header = request.headers.get(WATCH_HEADER);
  return header === null ? null : (JSON.parse(decodeURIComponent(header)) as WatchRequest);
}
