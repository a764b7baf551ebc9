import type { Database } from "../db/database.ts";
import type { AgentInstances } from "./agent-instances.ts";
import type { AlarmClock } from "./alarm-clock.ts";
import type { Drains } from "./drains.ts";
import type { LeaseTable } from "./lease-table.ts";
import type { WrittenProgress } from "./progress.ts";
import type { AgentSockets } from "./sockets.ts";
import type { DispatchTiming } from "./timing.ts";

/** What the verbs of dispatch work on: one pool's agents, leases and jobs, and the world outside as values. */
export interface Hub {
  readonly pool: string;
  readonly db: Database;
  readonly bucket: R2Bucket;
  readonly leases: LeaseTable;
  readonly instances: AgentInstances;
  readonly drains: Drains;
  readonly sockets: AgentSockets;
  readonly timing: DispatchTiming;
  readonly now: () => number;
  readonly random: () => number;
  readonly newLeaseId: () => string;
  readonly alarm: AlarmClock;
  /** Since when the Dispatcher is there without a gap of its own. */
  awakeSince: number;
  /** Per job, what was last written of its progress. Lost with the object; one extra write is all it costs. */
  readonly writtenProgress: Map<string, WrittenProgress>;
  /** Jobs that were called back from a busy agent, so that it is asked once. Lost with the object. */
  readonly recalled: Set<string>;
}
