import { fullJitterMs, WATCH_ACK, WATCH_KEY_PREFIX, WATCH_SUBPROTOCOL, WatchMessage } from "@splatt/shared";
import { lenient } from "./lenient.ts";
import { pause } from "./pause.ts";

export interface WatchOptions {
  /** The first log line to receive; a negative number counts from the end. Without it, no lines are sent. */
  readonly log?: number | undefined;
  /** The first point of the training's curves to receive. Without it, no points are sent. */
  readonly metrics?: number | undefined;
  /** Continues an earlier watch after the message that had this cursor. */
  readonly cursor?: string | undefined;
  /** `poll` asks for each change by HTTP, for where no WebSocket gets through. Then no lines and points come. */
  readonly transport?: "websocket" | "poll" | undefined;
  /** Called whenever a WebSocket has been opened: a watch that continues may have nothing to say for long. */
  readonly onConnected?: (() => void) | undefined;
  /** Called whenever a WebSocket is lost. The watch opens another one. */
  readonly onDisconnected?: (() => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a watch needs to know of its client. */
interface WatchTarget {
  /** Of `/jobs/{id}/watch`. */
  readonly url: URL;
  /** Null where the session's cookie is sent. */
  readonly apiKey: string | null;
  /** Asks for the job by HTTP. @throws what the server says, as when the session has ended or the job is gone */
  readonly check: () => Promise<unknown>;
}

/**
 * The runtime answers it without waking the Dispatcher. It keeps proxies from closing the connection, and one that died
 * silently, as while a laptop slept, is found by the missing answer.
 */
const HEARTBEAT_MS = 30_000;
const BACKOFF = { minMs: 200, maxMs: 10_000 };
/** After this many consecutive connections without a message, the watch asks what is wrong. */
const MAX_FAILURES = 6;

/** The watch did not come about: the server, or a proxy before it, passes no WebSockets, or refuses this one. */
export class WatchUnavailable extends Error {
  override readonly name = "WatchUnavailable";
}

/**
 * The messages of a watch until its end. After a broken connection, it continues where it was: nothing is missed or
 * repeated.
 *
 * @throws WatchUnavailable where no connection was ever opened, and what `check` throws
 */
export async function* watchMessages(
  { url, apiKey, check }: WatchTarget,
  options: WatchOptions,
): AsyncGenerator<WatchMessage> {
  let { cursor } = options;
  let failures = 0;
  let hasOpened = false;
  for (;;) {
    const target = new URL(url);
    target.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const query = { log: options.log, metrics: options.metrics, cursor };
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) target.searchParams.set(name, String(value));
    }
    for await (const message of connection(target, apiKey, options)) {
      failures = 0;
      hasOpened = true;
      cursor = message.cursor;
      yield message;
      if (message.type === "end") return;
    }
    if (options.signal?.aborted === true) return;
    options.onDisconnected?.();
    failures += 1;
    if (failures >= MAX_FAILURES && !hasOpened)
      throw new WatchUnavailable(`${url.pathname} cannot be watched`);
    if (failures >= MAX_FAILURES) await check();
    await pause(fullJitterMs(failures, BACKOFF, Math.random), options.signal);
  }
}

/** The messages of one connection. Ends when the connection does, in whatever way. */
async function* connection(
  url: URL,
  apiKey: string | null,
  { signal, onConnected }: WatchOptions,
): AsyncGenerator<WatchMessage> {
  const key = apiKey === null ? [] : [WATCH_KEY_PREFIX + base64url(apiKey)];
  const socket = new WebSocket(url.href, [WATCH_SUBPROTOCOL, ...key]);
  const inbox: WatchMessage[] = [];
  let isClosed = false;
  let wake: () => void = () => undefined;
  const close = () => {
    isClosed = true;
    wake();
  };
  if (onConnected !== undefined) socket.addEventListener("open", onConnected);
  socket.addEventListener("close", close);
  socket.addEventListener("error", close);
  let isUnanswered = false;
  socket.addEventListener("message", ({ data }) => {
    isUnanswered = false;
    const message = parseMessage(data);
    if (message !== null) inbox.push(message);
    wake();
  });
  // Not when the socket has closed, which a dead connection takes minutes for.
  signal?.addEventListener("abort", close);
  if (signal?.aborted === true) close();
  const heartbeat = setInterval(() => {
    if (isUnanswered) return close();
    if (socket.readyState !== WebSocket.OPEN) return;
    isUnanswered = true;
    socket.send("ping");
  }, HEARTBEAT_MS);
  try {
    for (;;) {
      const message = inbox.shift();
      if (message?.type === "ack_wanted") socket.send(WATCH_ACK);
      else if (message !== undefined) yield message;
      else if (isClosed) return;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  } finally {
    clearInterval(heartbeat);
    signal?.removeEventListener("abort", close);
    socket.close();
  }
}

/** @returns null for `pong`, and for what a newer server sends */
function parseMessage(data: unknown): WatchMessage | null {
  if (typeof data !== "string" || !data.startsWith("{")) return null;
  const parsed = lenient(WatchMessage).safeParse(JSON.parse(data));
  return parsed.success ? parsed.data : null;
}

function base64url(text: string): string {
  const binary = Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
