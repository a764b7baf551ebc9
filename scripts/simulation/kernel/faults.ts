import { Random } from "./random.ts";

/**
 * All faults and their highest rates: a probability per occasion for faults during an operation, strikes per minute
 * for external faults.
 */
export const FAULTS = {
  // per call of the control plane's storage
  d1_error: { most: 0.08, is: "D1 replies with an error and has done nothing" },
  d1_lost_reply: { most: 0.08, is: "D1 commits, but its reply is lost" },
  d1_slow: { most: 0.1, is: "D1 takes seconds" },
  r2_error: { most: 0.08, is: "R2 replies with an error and has done nothing" },
  r2_lost_reply: { most: 0.08, is: "R2 succeeds, but its reply is lost" },
  r2_slow: { most: 0.1, is: "R2 takes seconds" },
  // per HTTP request
  http_lost_request: { most: 0.1, is: "a request never arrives" },
  http_lost_reply: { most: 0.1, is: "a request succeeds, but its reply is lost" },
  http_late_request: { most: 0.2, is: "a request arrives long after its sender has timed out" },
  http_slow: { most: 0.1, is: "a request takes seconds" },
  worker_killed: { most: 0.02, is: "a Worker dies in the middle of a request" },
  // per call of a Dispatcher from a Worker
  rpc_lost: { most: 0.1, is: "a call never reaches the Dispatcher" },
  rpc_lost_reply: { most: 0.1, is: "a call to the Dispatcher succeeds, but its caller gets an error" },
  // per frame
  frame_lost: { most: 0.05, is: "a frame is lost" },
  frame_doubled: { most: 0.05, is: "a frame arrives twice" },
  frame_reordered: { most: 0.05, is: "a frame is overtaken by later ones" },
  frame_replayed: { most: 0.05, is: "an old frame of an agent arrives again" },
  frame_slow: { most: 0.1, is: "a frame takes seconds, and all behind it wait" },
  // per attempt to deliver a webhook
  receiver_fails: { most: 0.5, is: "a webhook's receiver answers 503" },
  receiver_late: { most: 0.3, is: "a webhook's receiver answers after its sender has given up" },
  receiver_silent: { most: 0.3, is: "a webhook's receiver never answers" },
  receiver_lost_reply: { most: 0.3, is: "a webhook arrives, but its sender gets an error" },
  // per job.complete
  complete_untrue: {
    most: 0.5,
    is: "an agent reports a job as complete with a wrong file size",
  },
  // per call that the process makes, per alarm
  dispatcher_restarted: { most: 0.03, is: "a Dispatcher dies during a call; its sockets break" },
  dispatcher_replaced: { most: 0.03, is: "a Dispatcher dies during a call; its sockets live on" },
  dispatcher_evicted: { most: 0.1, is: "an idle Dispatcher is evicted immediately" },
  alarm_late: { most: 0.2, is: "an alarm fires minutes late" },
  alarm_doubled: { most: 0.2, is: "an alarm fires twice" },
  agent_killed: { most: 0.01, is: "an agent is killed (SIGKILL) during a call and restarted" },
  agent_power_lost: { most: 0.01, is: "an agent's host loses power: unsynced data may be lost" },
  stage_failed: { most: 0.05, is: "a stage fails with a transient error" },
  stage_hopeless: { most: 0.02, is: "a stage fails with a permanent error" },
  disk_full: { most: 0.02, is: "the agent's disk is full for a while" },
  // per minute
  link_cut: { most: 2, is: "an agent's socket breaks" },
  partition: { most: 1, is: "an agent's network stalls, then recovers" },
  blackhole: { most: 1, is: "an agent's network drops everything; sockets are half-open" },
  machine_frozen: { most: 0.5, is: "an agent's host is suspended and wakes up later" },
  agent_stopped: { most: 0.5, is: "an agent is stopped (SIGTERM) and restarted later" },
  disk_lost: { most: 0.5, is: "an agent's host loses its disk" },
  agent_twin: { most: 0.5, is: "a second process starts with the same token, on a copied or an empty disk" },
  agent_paused: {
    most: 0.5,
    is: "an agent's owner pauses it, immediately or after its job, and resumes it later",
  },
  // per call of a Dispatcher from a Worker; only where a plan asks for it
  rpc_slow: { most: 0.4, is: "a call takes seconds to reach the Dispatcher" },
} as const satisfies Record<string, { most: number; is: string }>;

export type FaultKind = keyof typeof FAULTS;

export const FAULT_KINDS = Object.keys(FAULTS) as FaultKind[];

export type FaultRates = { readonly [kind in FaultKind]?: number };

/** Decides when faults strike: none before `begin`, none after `end`. */
export class Faults {
  readonly #rates: FaultRates;
  readonly #streams: ReadonlyMap<FaultKind, Random>;
  readonly #limit: number;
  readonly #struck: FaultKind[] = [];
  #active = false;

  /** @param limit the maximum number of strikes */
  constructor(rates: FaultRates, seed: number, limit: number) {
    this.#rates = rates;
    const kinds = FAULT_KINDS.filter((kind) => rates[kind] !== undefined);
    this.#streams = new Map(kinds.map((kind) => [kind, new Random(seed, kind)]));
    this.#limit = limit;
  }

  /** The faults that have struck, in order. */
  get struck(): readonly FaultKind[] {
    return this.#struck;
  }

  begin(): void {
    this.#active = true;
  }

  end(): void {
    this.#active = false;
  }

  /** Whether the fault strikes on this occasion. */
  strikes(kind: FaultKind): boolean {
    const rate = this.#rates[kind];
    if (rate === undefined || !this.#active) return false;
    return this.#stream(kind).chance(rate) && this.strikesNow(kind);
  }

  /** Milliseconds until an external fault strikes next; Infinity when it never does. */
  nextAfterMs(kind: FaultKind): number {
    const rate = this.#rates[kind];
    if (rate === undefined) return Number.POSITIVE_INFINITY;
    return (-Math.log(1 - this.#stream(kind).next()) / rate) * 60_000;
  }

  /** Records a strike that is due. @returns false when the limit is reached */
  strikesNow(kind: FaultKind): boolean {
    if (!this.#active || this.#struck.length >= this.#limit) return false;
    this.#struck.push(kind);
    return true;
  }

  #stream(kind: FaultKind): Random {
    const stream = this.#streams.get(kind);
    if (stream === undefined) throw new Error(`${kind} has no stream`);
    return stream;
  }
}
