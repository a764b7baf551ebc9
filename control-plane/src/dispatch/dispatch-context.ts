import type { EngineChoice } from "@splatt/shared";
import type { Database } from "../db/database.ts";
import type { Retention } from "../maintenance/retention-settings.ts";
import type { AgentInstances } from "./agent-instances.ts";
import type { AgentSockets } from "./agent-sockets.ts";
import type { AlarmClock } from "./alarm-clock.ts";
import type { Drains } from "./drains.ts";
import type { FaultTable } from "./fault-table.ts";
import type { LeaseTable } from "./lease-table.ts";
import type { PoolCapacity } from "./pool-capacity.ts";
import type { DispatchTiming } from "./timing.ts";

/** What a job's row said of its progress when it was last written, and when that was. */
export interface WrittenProgress {
  readonly progress: number;
  readonly at: number;
}

/** What every function of dispatch acts on: one pool's agents and leases, the stores, the clock and chance. */
export interface DispatchContext {
  readonly pool: string;
  readonly db: Database;
  readonly bucket: R2Bucket;
  readonly leases: LeaseTable;
  readonly instances: AgentInstances;
  readonly drains: Drains;
  readonly faults: FaultTable;
  readonly sockets: AgentSockets;
  readonly capacity: PoolCapacity;
  readonly timing: DispatchTiming;
  /** For the dates in what watchers see. */
  readonly retention: Retention;
  readonly now: () => number;
  readonly random: () => number;
  readonly newLeaseId: () => string;
  readonly alarm: AlarmClock;
  /** Has the receivers of webhooks told of a change that is durable. */
  readonly wakeReceivers: (rows: readonly { readonly receiver: string }[]) => void;
  /** Since when the Dispatcher has run without an outage. */
  awakeSince: number;
  /** By job. Lost with the object, at the cost of one extra write. */
  readonly writtenProgress: Map<string, WrittenProgress>;
  /** Jobs that were recalled from a busy agent, so that each is recalled once. Lost with the object. */
  readonly recalled: Set<string>;
  /** When jobs to recall may be looked for again. */
  recallsAgainAt: number;
  /** By engine choice, the rank up to which waiting jobs were told what they wait for. Lost with the object. */
  readonly explainedTo: Map<EngineChoice, number>;
  /** By engine choice, what its waiting jobs were last told to wait for. Lost with the object. */
  readonly explained: Map<EngineChoice, string>;
  /** By agent, until when it gets no job: its next socket needs to know. Lost with the object. */
  readonly cooldowns: Map<string, number>;
  /** A job's row has changed: notifies its watchers, without waiting for them. */
  readonly jobChanged: (jobId: string) => void;
  /** Sockets whose hello is being handled, so that a slow store does not make it late. */
  readonly greeting: WeakSet<WebSocket>;
}
