/** The front door's limits on a client's resources. */
export interface DoorLimits {
  /** From the first byte of a connection, or of a further request, to the end of its headers. */
  readonly headersMs: number;
  /** For a body that is read whole: the time until its end. */
  readonly bodyMs: number;
  /** A larger body that is read whole is refused. */
  readonly bodyBytes: number;
  /** All bodies in memory together. */
  readonly bodiesBytes: number;
  /**
   * After the first chunks, a body must have this many bytes a chunk on average, or the connection is cut. Each chunk
   * costs as much time and memory as hundreds of bytes, so 100 kB of chunks of one byte would stop all others for a
   * tenth of a second.
   */
  readonly chunks: { readonly free: number; readonly bytes: number };
  /** A part's body must deliver this much in each window, or the connection is cut. */
  readonly part: { readonly windowMs: number; readonly bytes: number };
  /** A client that reads no byte of a reply for this long is cut. */
  readonly stalledMs: number;
  /** A connection without a request is closed. */
  readonly idleMs: number;
  /** An agent's socket must send its first message. */
  readonly firstMessageMs: number;
  /** A WebSocket without a byte in either direction is cut. */
  readonly socketIdleMs: number;
  /** A client that does not answer the Close frame of its WebSocket is cut. */
  readonly socketClosingMs: number;
  /**
   * What a client may send over its WebSocket: frames in a burst and in the long run, bytes and frames of a message.
   * Above what the Worker allows an agent, so that it is the one that explains.
   */
  readonly frames: {
    readonly burst: number;
    readonly perSecond: number;
    readonly messageBytes: number;
    readonly messageFrames: number;
  };
  readonly connections: number;
  /** Not counted for trusted proxies. */
  readonly connectionsPerAddress: number;
  /** Requests in the runtime at once. Others wait for their turn. */
  readonly inRuntime: number;
  /** After this time, a request makes room for another: it is not the runtime's thread that it waits for. */
  readonly turnMs: number;
  /** The same for a request that asks to wait for a change. */
  readonly pollTurnMs: number;
  /** Requests that a connection may send ahead. They are answered, and what follows them closes the connection. */
  readonly pipelined: number;
  readonly headerBytes: number;
}

const MIB = 1024 * 1024;

export const DOOR_LIMITS: DoorLimits = {
  headersMs: 10_000,
  bodyMs: 30_000,
  bodyBytes: 5 * MIB,
  bodiesBytes: 48 * MIB,
  chunks: { free: 1024, bytes: 64 },
  part: { windowMs: 30_000, bytes: 128 * 1024 },
  // The kernel buffers megabytes for a slow reader, so one of 20 kB/s seems to pause for a minute.
  stalledMs: 120_000,
  idleMs: 15_000,
  firstMessageMs: 15_000,
  socketIdleMs: 600_000,
  socketClosingMs: 5000,
  frames: { burst: 1000, perSecond: 100, messageBytes: 256 * 1024, messageFrames: 64 },
  connections: 1024,
  connectionsPerAddress: 256,
  inRuntime: 8,
  turnMs: 1000,
  pollTurnMs: 50,
  pipelined: 8,
  headerBytes: 16 * 1024,
};

/** Counts holders per key, up to a limit. */
export class Counter {
  readonly #held = new Map<string, number>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @returns whether one more was allowed */
  take(key: string): boolean {
    const held = this.#held.get(key) ?? 0;
    if (held >= this.#limit) return false;
    this.#held.set(key, held + 1);
    return true;
  }

  give(key: string): void {
    const held = (this.#held.get(key) ?? 1) - 1;
    if (held === 0) this.#held.delete(key);
    else this.#held.set(key, held);
  }
}
