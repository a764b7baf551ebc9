import { ACTIVE_STATUSES, type ActiveStatus, type Fence, type HeldJob } from "@splatt/shared";
import { and, desc, eq, inArray, isNull } from "drizzle-orm";
import { withRetry } from "../db/database.ts";
import { jobEvents, jobs } from "../db/schema.ts";
import { isHeldUnder } from "../jobs/lease-conditions.ts";
import { applyTransition, readopt as readoptTransition } from "../jobs/transitions.ts";
import { log } from "../log.ts";
import { receiversOf } from "../webhooks/outbox.ts";
import type { DispatchContext } from "./dispatch-context.ts";
import { recordHeldLease } from "./held-lease.ts";

/**
 * Leases a job again to the agent that lost it, if no other agent has it yet: its work is kept. Only a lost lease
 * qualifies. An agent that returned the job or reported its failure, and only missed the ack, does not get it back.
 *
 * @returns the new fence; null when the job is not available any more
 */
export async function readopt(
  context: DispatchContext,
  agentId: string,
  held: HeldJob,
): Promise<Fence | null> {
  const fence = { ...held.fence, lease_id: context.newLeaseId() };
  const status = furthest(held.status, await stageReached(context, fence));
  const transition = readoptTransition({
    leaseId: fence.lease_id,
    agentId,
    status,
    message: held.message,
    now: context.now(),
  });
  const isStillLost = and(
    eq(jobs.id, fence.job_id),
    eq(jobs.attempt, fence.attempt),
    eq(jobs.lostLeaseId, held.fence.lease_id),
    isNull(jobs.leaseId),
  );
  const [, receivers] = await withRetry(() =>
    context.db.batch([
      applyTransition(context.db, transition, isStillLost),
      receiversOf(context.db, fence.job_id),
    ]),
  );
  context.wakeReceivers(receivers);
  if (!(await isHeldUnder(context.db, fence, agentId))) return null;
  recordHeldLease(context, fence, agentId);
  context.jobChanged(fence.job_id);
  log("info", "job re-adopted by the agent that came back", { job: fence.job_id, attempt: fence.attempt });
  return fence;
}

/** The last stage that the attempt reached: an agent that lost files repeats stages, but the job does not go back. */
async function stageReached(
  context: DispatchContext,
  { job_id, attempt }: Fence,
): Promise<ActiveStatus | null> {
  const [last] = await context.db
    .select({ status: jobEvents.status })
    .from(jobEvents)
    .where(
      and(
        eq(jobEvents.jobId, job_id),
        eq(jobEvents.attempt, attempt),
        inArray(jobEvents.status, [...ACTIVE_STATUSES]),
      ),
    )
    .orderBy(desc(jobEvents.number))
    .limit(1);
  return (last?.status as ActiveStatus | undefined) ?? null;
}

function furthest(a: ActiveStatus, b: ActiveStatus | null): ActiveStatus {
  return b !== null && ACTIVE_STATUSES.indexOf(b) > ACTIVE_STATUSES.indexOf(a) ? b : a;
}
