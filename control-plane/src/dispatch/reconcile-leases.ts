import { jobs } from "../db/schema.ts";
import { leasedIn } from "../jobs/queue-conditions.ts";
import type { DispatchContext } from "./dispatch-context.ts";

/**
 * Syncs the lease table with D1: a leased job without a row here gets a full lease, and a row that D1 does not confirm
 * is dropped. `claiming` rows are resolved at their own deadline.
 *
 * The agent of a leased job that has not begun may never have received it, because the claim outlasted its row here. A
 * connected agent is sent the assignment again.
 */
export async function reconcileLeases(context: DispatchContext): Promise<void> {
  const before = new Set(context.leases.all().map(({ leaseId }) => leaseId));
  const { id, attempt, leaseId, agentId, status } = jobs;
  const leased = await context.db
    .select({ id, attempt, leaseId, agentId, status })
    .from(jobs)
    .where(leasedIn(context.pool));
  const confirmed = new Set(leased.map(({ leaseId }) => leaseId));
  const now = context.now();
  for (const { id, attempt, leaseId, agentId, status } of leased) {
    if (leaseId === null || agentId === null || context.leases.get(id) !== null) continue;
    const isConnected = context.sockets.of(agentId) !== null;
    const lease = { jobId: id, attempt, leaseId, agentId, since: now, lostAt: isConnected ? null : now };
    const wasSent = !isConnected || status !== "queued";
    context.leases.put({ ...lease, state: wasSent ? "held" : "sent", sends: wasSent ? 1 : 0 });
    if (!wasSent) context.alarm.wakeAt(now + context.timing.acceptMs);
  }
  for (const lease of context.leases.all()) {
    // A row that was added while D1 was asked may be newer than D1's answer.
    if (lease.state !== "claiming" && before.has(lease.leaseId) && !confirmed.has(lease.leaseId)) {
      context.leases.remove(lease);
    }
  }
}
