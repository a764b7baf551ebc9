import type { Lease } from "./lease-table.ts";
import type { DispatchTiming } from "./timing.ts";

/**
 * Until when a lease is left alone.
 *
 * @param lastHeard when the agent's socket last gave a sign of life; null when it has no socket
 * @param awakeSince since when the Dispatcher itself is there without a gap: nobody's silence before that counts
 */
export function leaseDeadline(
  lease: Lease,
  lastHeard: number | null,
  awakeSince: number,
  timing: DispatchTiming,
): number {
  if (lease.state !== "held") return lease.since + timing.acceptMs;
  if (lastHeard !== null) return Math.max(lastHeard, awakeSince) + timing.leaseMs;
  return Math.max(lease.lostAt ?? awakeSince, awakeSince) + timing.reconnectGraceMs;
}
