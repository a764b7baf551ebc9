import type { JobEntries, StreamPosition, WatchStream } from "@splatt/shared";
import type { DispatchContext } from "../dispatch/dispatch-context.ts";
import { fenceOf, isLeasedTo } from "../dispatch/held-lease.ts";
import type { WatchSocket, WatchSockets } from "./watch-sockets.ts";

type Lane = JobEntries["lane"];
const LANES: readonly Lane[] = ["follow", "catch-up"];
const STREAMS: readonly WatchStream[] = ["log", "metrics"];

/** A `job.read` that the agent has not answered. */
interface OpenRead {
  /** The agent's socket: a new one knows nothing of it. */
  readonly ws: WebSocket;
  readonly leaseId: string;
  readonly position: StreamPosition;
}

/**
 * Reads per job that may be sent at once, and per second in the long run: each costs the agent's frame and its fan-out.
 */
const READS_AT_ONCE = 200;
const READS_PER_SECOND = 50;

/**
 * Asks agents for the log and the curves of watched jobs, one piece after the other, and hands each piece to whoever
 * waits for it. Watchers at the end of a stream share one read. Those who catch up take turns in the other lane, so
 * that nobody who reads from the beginning again and again delays anybody else.
 *
 * Kept in memory alone: after hibernation the open reads are sent again.
 */
export class AgentStreams {
  readonly #context: DispatchContext;
  readonly #sockets: WatchSockets;
  readonly #open = new Map<string, OpenRead>();
  /** When each watcher last got a piece, in pieces. */
  readonly #served = new WeakMap<WebSocket, number>();
  #pieces = 0;
  readonly #budgets = new Map<string, { left: number; at: number }>();

  constructor(context: DispatchContext, sockets: WatchSockets) {
    this.#context = context;
    this.#sockets = sockets;
  }

  /** Sends the reads that the watchers of a job need and that are not open. */
  pump(jobId: string): void {
    const lease = this.#context.leases.get(jobId);
    const agent = lease?.state === "held" ? this.#context.sockets.of(lease.agentId) : null;
    if (!lease || agent === null) return;
    for (const stream of STREAMS) {
      const wanted = this.#wanted(jobId, stream);
      for (const lane of LANES) {
        const key = `${jobId} ${stream} ${lane}`;
        const position = wanted[lane];
        const open = this.#open.get(key);
        if (position === null) {
          this.#open.delete(key);
          continue;
        }
        const isOpen =
          open?.ws === agent.ws && open.leaseId === lease.leaseId && same(open.position, position);
        if (isOpen || !this.#spend(jobId)) continue;
        this.#open.set(key, { ws: agent.ws, leaseId: lease.leaseId, position });
        const wait = position.id !== null;
        this.#context.sockets.send(agent.ws, {
          type: "job.read",
          fence: fenceOf(lease),
          stream,
          lane,
          position,
          wait,
        });
      }
    }
  }

  /** Whether this was requested from the agent. Anything else is dropped. */
  isAskedFor(ws: WebSocket, { fence, lane, position, entries }: JobEntries): boolean {
    const open = this.#open.get(`${fence.job_id} ${entries.stream} ${lane}`);
    return open?.ws === ws && open.leaseId === fence.lease_id && same(open.position, position);
  }

  onEntries(ws: WebSocket, agentId: string, message: JobEntries): void {
    const { fence, lane, position, id, from, more, entries } = message;
    const jobId = fence.job_id;
    if (!isLeasedTo(this.#context, agentId, fence) || !this.isAskedFor(ws, message)) return;
    this.#open.delete(`${jobId} ${entries.stream} ${lane}`);
    this.#pieces += 1;
    const count = entries.stream === "log" ? entries.lines.length : entries.points.length;
    const next = from + count;
    for (const { ws: watcherSocket, watcher } of this.#sockets.of(jobId)) {
      const at = watcher[entries.stream];
      if (at === null) continue;
      const isAsked = same(at, position);
      const isWithin = at.id === id && at.next >= from && at.next < next;
      if (!isAsked && !isWithin) continue;
      const skip = isAsked ? 0 : at.next - from;
      this.#served.set(watcherSocket, this.#pieces);
      // An answer without entries still tells a new watcher where it is.
      if (count === skip && at.id === id) continue;
      const seen = { [entries.stream]: { id, next } };
      if (entries.stream === "log") {
        const lines = entries.lines.slice(skip);
        this.#sockets.send(watcherSocket, { type: "log", log: id, from: from + skip, lines, more }, seen);
      } else {
        const points = entries.points.slice(skip);
        this.#sockets.send(
          watcherSocket,
          { type: "metrics", series: id, from: from + skip, points, more },
          seen,
        );
      }
    }
    this.pump(jobId);
  }

  /** The position to read at in each lane. */
  #wanted(jobId: string, stream: WatchStream): Record<Lane, StreamPosition | null> {
    const readers = this.#sockets.of(jobId).flatMap(({ ws, watcher }: WatchSocket) => {
      const position = watcher[stream];
      return position === null || watcher.isHeld ? [] : [{ position, served: this.#served.get(ws) ?? 0 }];
    });
    const known = readers.filter(({ position }) => position.id !== null);
    const first = known.reduce<(typeof readers)[number] | undefined>(
      (ahead, reader) => (ahead === undefined || reader.position.next > ahead.position.next ? reader : ahead),
      undefined,
    );
    const follow = (first ?? readers[0])?.position ?? null;
    const behind = readers.filter(({ position }) => follow !== null && !same(position, follow));
    const longest = behind.toSorted((a, b) => a.served - b.served)[0];
    return { follow, "catch-up": longest?.position ?? null };
  }

  #spend(jobId: string): boolean {
    const now = this.#context.now();
    const budget = this.#budgets.get(jobId) ?? { left: READS_AT_ONCE, at: now };
    const refilled = budget.left + (Math.max(0, now - budget.at) / 1000) * READS_PER_SECOND;
    const left = Math.min(READS_AT_ONCE, refilled);
    if (left < 1) {
      this.#context.alarm.wakeAt(now + 1000);
      return false;
    }
    this.#budgets.set(jobId, { left: left - 1, at: now });
    return true;
  }

  /** Drops what is kept of jobs that nobody watches any more. */
  prune(): void {
    for (const jobId of this.#budgets.keys())
      if (!this.#sockets.isWatched(jobId)) this.#budgets.delete(jobId);
    for (const key of this.#open.keys()) {
      if (!this.#sockets.isWatched(key.split(" ", 1)[0] ?? "")) this.#open.delete(key);
    }
  }
}

function same(a: StreamPosition, b: StreamPosition): boolean {
  return a.id === b.id && a.next === b.next;
}
