import { ACTIVE_STATUSES, type ActiveStatus, type Fence, type HeldJob } from "@splatt/shared";
import { and, desc, eq, inArray, isNull } from "drizzle-orm";
import { withRetry } from "../db/database.ts";
import { jobEvents, jobs } from "../db/schema.ts";
import { isHeldUnder } from "../jobs/conditions.ts";
import { log } from "../log.ts";
import type { Hub } from "./hub.ts";

/**
 * An agent came back with a job that was taken from it, and that nobody else has by now: the work is not thrown away.
 * Only the lease that was lost counts. An agent that has handed the job back, or has reported its failure, and only
 * did not hear the ack, does not get it once more.
 *
 * @returns the fence to go on under; null when the job is somebody else's
 */
export async function readopt(hub: Hub, agentId: string, held: HeldJob): Promise<Fence | null> {
  const fence = { ...held.fence, lease_id: hub.newLeaseId() };
  const status = furthest(held.status, await stageReached(hub, fence));
  await withRetry(() =>
    hub.db
      .update(jobs)
      .set({
        leaseId: fence.lease_id,
        agentId,
        lostLeaseId: null,
        status,
        message: held.message,
        nextAttemptAt: null,
        updatedAt: hub.now(),
      })
      .where(
        and(
          eq(jobs.id, fence.job_id),
          eq(jobs.attempt, fence.attempt),
          eq(jobs.lostLeaseId, held.fence.lease_id),
          eq(jobs.status, "queued"),
          isNull(jobs.leaseId),
        ),
      ),
  );
  if (!(await isHeldUnder(hub.db, fence, agentId))) return null;
  hold(hub, fence, agentId);
  log("info", "job re-adopted by the agent that came back", { job: fence.job_id, attempt: fence.attempt });
  return fence;
}

/** The agent has the job, as it says itself. */
export function hold(hub: Hub, fence: Fence, agentId: string): void {
  const now = hub.now();
  hub.leases.put({
    jobId: fence.job_id,
    attempt: fence.attempt,
    leaseId: fence.lease_id,
    agentId,
    state: "held",
    since: now,
    sends: 1,
    lostAt: null,
  });
  hub.alarm.wakeAt(now + hub.timing.leaseMs);
}

/** How far the attempt was at the most: an agent that lost files begins stages again, but the job does not go back. */
async function stageReached(hub: Hub, { job_id, attempt }: Fence): Promise<ActiveStatus | null> {
  const [last] = await hub.db
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
