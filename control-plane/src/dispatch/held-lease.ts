import { type Fence, sameFence } from "@splatt/shared";
import type { DispatchContext } from "./dispatch-context.ts";
import type { Lease } from "./lease-table.ts";

/** The agent has the job: from now on its heartbeat keeps the lease. */
export function accept(context: DispatchContext, lease: Lease): void {
  const now = context.now();
  context.leases.put({ ...lease, state: "held", since: now });
  context.alarm.wakeAt(now + context.timing.leaseMs);
}

/** Records the lease of a job that its agent says it has, and that D1 confirms. */
export function recordHeldLease(context: DispatchContext, fence: Fence, agentId: string): void {
  const now = context.now();
  context.leases.put({
    jobId: fence.job_id,
    attempt: fence.attempt,
    leaseId: fence.lease_id,
    agentId,
    state: "held",
    since: now,
    sends: 1,
    lostAt: null,
  });
  context.alarm.wakeAt(now + context.timing.leaseMs);
}

/** Whether the lease table has this lease of the agent. */
export function isLeasedTo(context: DispatchContext, agentId: string, fence: Fence): boolean {
  const lease = context.leases.get(fence.job_id);
  return lease !== null && lease.agentId === agentId && sameFence(fenceOf(lease), fence);
}

export function fenceOf(lease: Pick<Lease, "jobId" | "attempt" | "leaseId">): Fence {
  return { job_id: lease.jobId, attempt: lease.attempt, lease_id: lease.leaseId };
}
