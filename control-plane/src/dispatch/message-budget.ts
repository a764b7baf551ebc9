import type { AgentMessage } from "@splatt/shared";

/**
 * What handling a message costs, in points. A point is about one D1 statement, which is what agents share: all other
 * work of a message is bounded by the length of its frame.
 */
const PRICES: { readonly [type in AgentMessage["type"]]: number } = {
  hello: 10,
  offer: 4,
  "job.accept": 1,
  "job.reject": 4,
  "job.held": 2,
  "job.stage": 2,
  "job.progress": 1,
  // Nothing when it was asked for, which bounds it.
  "job.entries": 1,
  "job.complete": 8,
  "job.fail": 6,
  "job.cancelled": 1,
  "job.recalled": 4,
  "job.returned": 4,
};

/** The price of an upgrade: the hello that follows replaces the agent's other socket. */
export const CONNECT_POINTS = 5;
/** Added when only D1 can tell whether the sender holds the job. */
export const UNKNOWN_LEASE_POINTS = 1;
const BYTES_PER_POINT = 8 * 1024;

/** What an agent can spend at once: it covers a reconnect at which 64 jobs resend what was not acked. */
const CAPACITY = 400;
/** What it can spend in the long run. An agent with eight GPUs spends about 6 points a second. */
const POINTS_PER_SECOND = 20;

/** The price of reading a frame, whatever is in it. */
export function framePoints(frame: string | ArrayBuffer): number {
  const length = typeof frame === "string" ? frame.length : frame.byteLength;
  return Math.floor(length / BYTES_PER_POINT);
}

export function messagePoints(message: AgentMessage): number {
  return PRICES[message.type];
}

/**
 * A token bucket per agent, so that an agent which sends too much is stopped before its work delays others. Kept in
 * memory: the object hibernates only when nobody has sent anything for a while, and then all buckets are nearly full.
 */
export class MessageBudgets {
  readonly #buckets = new Map<string, { points: number; at: number }>();

  /** @returns false when the agent has exceeded its budget; then nothing is spent */
  spend(agentId: string, points: number, now: number): boolean {
    const left = this.#left(agentId, now);
    if (left < points) return false;
    this.#buckets.set(agentId, { points: left - points, at: now });
    return true;
  }

  /** Drops the buckets that are full again: they are like new ones. */
  prune(now: number): void {
    for (const agentId of this.#buckets.keys()) {
      if (this.#left(agentId, now) === CAPACITY) this.#buckets.delete(agentId);
    }
  }

  #left(agentId: string, now: number): number {
    const bucket = this.#buckets.get(agentId);
    if (bucket === undefined) return CAPACITY;
    const elapsedSeconds = Math.max(0, now - bucket.at) / 1000;
    return Math.min(CAPACITY, bucket.points + elapsedSeconds * POINTS_PER_SECOND);
  }
}
