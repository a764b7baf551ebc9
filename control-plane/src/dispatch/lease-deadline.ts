import type { Lease } from "./lease-table.ts";
import type { DispatchTiming } from "./timing.ts";

/**
 * When a lease expires.
 *
 * @param lastActivity the time of the agent's last heartbeat; null when it has no socket
 * @param awakeSince since when the Dispatcher has run without an outage: silence before that does not count
 */
export function leaseDeadline(
  lease: Lease,
  lastActivity: number | null,
  awakeSince: number,
  timing: DispatchTiming,
): number {
  if (lease.state !== "held") return lease.since + timing.acceptMs;
  if (lastActivity !== null) return Math.max(lastActivity, awakeSince) + timing.leaseMs;
  return Math.max(lease.lostAt ?? awakeSince, awakeSince) + timing.reconnectGraceMs;
}
