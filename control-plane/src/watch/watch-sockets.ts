import { type AckWanted, WATCH_END, type WatchEnd, type WatchMessage } from "@splatt/shared";
import { formatCursor, type Seen } from "./cursor.ts";

/** What a watcher's socket keeps through hibernation. */
export interface Watcher extends Seen {
  readonly kind: "watcher";
  readonly jobId: string;
  readonly keyId: string | null;
  /** Bytes sent since the last ack. */
  readonly unacked: number;
  /** Its ack, or the check of its key, is awaited: until then nothing is sent. */
  readonly isHeld: boolean;
}

export interface WatchSocket {
  readonly ws: WebSocket;
  readonly watcher: Watcher;
}

/** The tag by which the runtime finds the watchers. Agents' sockets are tagged with their ids. */
const WATCH_TAG = "watchers";

export const WATCH_LIMITS = {
  perJob: 2000,
  perKey: 2000,
  perPool: 8000,
  /** Bytes that a watcher may leave unread before nothing more is sent. */
  unackedBytes: 256 * 1024,
} as const;

/** Attachments as they were last written: reading them is slow. */
const watchers = new WeakMap<WebSocket, Watcher>();

function watcherOf(ws: WebSocket): Watcher {
  const known = watchers.get(ws);
  if (known !== undefined) return known;
  const watcher = ws.deserializeAttachment() as Watcher;
  watchers.set(ws, watcher);
  return watcher;
}

/** Whether a socket of the Dispatcher is a watcher's. */
export function isWatcher(ws: WebSocket): boolean {
  const attached: unknown = watchers.get(ws) ?? ws.deserializeAttachment();
  return typeof attached === "object" && attached !== null && "kind" in attached;
}

/** A message for a watcher, without the cursor that is its own. */
type WithoutCursor<T> = T extends unknown ? Omit<T, "cursor"> : never;
export type Outgoing = WithoutCursor<WatchMessage>;

/**
 * The watchers' hibernating WebSockets, by job. What is sent to a watcher is bounded until it answers `ack_wanted`, so
 * that one which does not read takes no memory; it loses nothing, because its position moves only with what was sent.
 */
export class WatchSockets {
  readonly #ctx: DurableObjectState;
  #byJob: Map<string, Set<WebSocket>> | null = null;

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
  }

  /** @returns why there is no room for another watcher, or null */
  refusal(jobId: string, keyId: string | null): string | null {
    const all = this.#all();
    if (all.length >= WATCH_LIMITS.perPool) return "This pool has no room for another watcher.";
    if ((this.#jobs().get(jobId)?.size ?? 0) >= WATCH_LIMITS.perJob) {
      return `A job has at most ${WATCH_LIMITS.perJob} watchers.`;
    }
    const ofKey = all.filter((ws) => watcherOf(ws).keyId === keyId).length;
    return ofKey >= WATCH_LIMITS.perKey ? `A key has at most ${WATCH_LIMITS.perKey} watchers.` : null;
  }

  accept(watcher: Watcher): { readonly response: WebSocket; readonly socket: WatchSocket } {
    const pair = new WebSocketPair();
    this.#ctx.acceptWebSocket(pair[1], [WATCH_TAG]);
    this.#write(pair[1], watcher);
    const jobs = this.#jobs();
    jobs.set(watcher.jobId, (jobs.get(watcher.jobId) ?? new Set()).add(pair[1]));
    return { response: pair[0], socket: { ws: pair[1], watcher } };
  }

  /** The jobs that are watched. */
  jobs(): string[] {
    return [...this.#jobs().keys()];
  }

  of(jobId: string): WatchSocket[] {
    return Array.from(this.#jobs().get(jobId) ?? [], (ws) => ({ ws, watcher: watcherOf(ws) }));
  }

  all(): WatchSocket[] {
    return this.#all().map((ws) => ({ ws, watcher: watcherOf(ws) }));
  }

  watcher(ws: WebSocket): Watcher {
    return watcherOf(ws);
  }

  isWatched(jobId: string): boolean {
    return this.#jobs().has(jobId);
  }

  /** Sends a message, with which the watcher has `seen` more. @returns false when nothing is sent until it acks */
  send(ws: WebSocket, message: Outgoing, seen: Partial<Seen> = {}): boolean {
    const watcher = watcherOf(ws);
    if (watcher.isHeld || ws.readyState !== WebSocket.OPEN) return false;
    const after = { ...watcher, ...seen };
    const cursor = formatCursor(after);
    const text = JSON.stringify({ ...message, cursor });
    ws.send(text);
    const unacked = watcher.unacked + text.length;
    const isHeld = unacked > WATCH_LIMITS.unackedBytes;
    if (isHeld)
      ws.send(JSON.stringify({ type: "ack_wanted", cursor } satisfies (typeof AckWanted)["_zod"]["output"]));
    this.#write(ws, { ...after, unacked, isHeld });
    return true;
  }

  /** @returns false when no ack was asked for */
  acked(ws: WebSocket): boolean {
    if (!watcherOf(ws).isHeld) return false;
    this.release(ws);
    return true;
  }

  /** From now on, messages are sent. */
  release(ws: WebSocket): void {
    this.#write(ws, { ...watcherOf(ws), unacked: 0, isHeld: false });
  }

  /** Says why, and closes. */
  end(ws: WebSocket, reason: WatchEnd): void {
    if (ws.readyState === WebSocket.OPEN) {
      ws.send(JSON.stringify({ type: "end", reason, cursor: formatCursor(watcherOf(ws)) }));
    }
    this.close(ws, WATCH_END[reason], reason);
  }

  close(ws: WebSocket, code?: number, reason = ""): void {
    this.#drop(ws);
    try {
      if (code === undefined) ws.close();
      else ws.close(code, reason);
    } catch {
      // The socket is gone.
    }
  }

  #drop(ws: WebSocket): void {
    const { jobId } = watcherOf(ws);
    const sockets = this.#jobs().get(jobId);
    sockets?.delete(ws);
    if (sockets?.size === 0) this.#jobs().delete(jobId);
  }

  #write(ws: WebSocket, watcher: Watcher): void {
    ws.serializeAttachment(watcher);
    watchers.set(ws, watcher);
  }

  #all(): WebSocket[] {
    return [...this.#jobs().values()].flatMap((sockets) => [...sockets]);
  }

  #jobs(): Map<string, Set<WebSocket>> {
    if (this.#byJob !== null) return this.#byJob;
    const open = this.#ctx.getWebSockets(WATCH_TAG).filter(({ readyState }) => readyState === WebSocket.OPEN);
    const jobs = new Map<string, Set<WebSocket>>();
    for (const ws of open) {
      const { jobId } = watcherOf(ws);
      jobs.set(jobId, (jobs.get(jobId) ?? new Set()).add(ws));
    }
    this.#byJob = jobs;
    return jobs;
  }
}
