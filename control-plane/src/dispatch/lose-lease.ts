import { counted } from "@splatt/shared";
import { withRetry } from "../db/database.ts";
import { jobs } from "../db/schema.ts";
import { heldUnder, isUnfinishedUnder } from "../jobs/lease-conditions.ts";
import { lostBefore } from "../jobs/queue-conditions.ts";
import { applyTransition, giveUp, requeueLost, requeueUnaccepted } from "../jobs/transitions.ts";
import { log } from "../log.ts";
import { discardResultUploads } from "../uploads/result-uploads.ts";
import { receiversOf } from "../webhooks/outbox.ts";
import { retryTime } from "./backoff.ts";
import type { DispatchContext } from "./dispatch-context.ts";
import { accept, fenceOf } from "./held-lease.ts";
import type { Lease } from "./lease-table.ts";

/**
 * Takes a job from an agent that disconnected or forgot it, and requeues it; after too many losses it fails.
 *
 * @param why a sentence
 */
export async function loseLease(context: DispatchContext, lease: Lease, why: string): Promise<void> {
  const now = context.now();
  const held = heldUnder(fenceOf(lease), lease.agentId);
  const [job] = await context.db.select({ lostLeases: jobs.lostLeases }).from(jobs).where(held);
  if (job === undefined) {
    context.leases.remove(lease);
    return;
  }
  const { leaseId, agentId } = lease;
  const isGivenUp = job.lostLeases + 1 >= context.timing.maxLostLeases;
  const nextAttemptAt = retryTime(context, job.lostLeases);
  const transition = isGivenUp
    ? giveUp({
        detail: `${why} The job was lost ${counted(job.lostLeases + 1, "time")}.`,
        countsLoss: true,
        now,
      })
    : requeueLost({ leaseId, agentId, nextAttemptAt, why, now });
  const [, receivers] = await withRetry(() =>
    context.db.batch([applyTransition(context.db, transition, held), receiversOf(context.db, lease.jobId)]),
  );
  context.wakeReceivers(receivers);
  context.leases.remove(lease);
  if (isGivenUp) await discardResultUploads(context.db, context.bucket, lease.jobId);
  else context.alarm.remember(nextAttemptAt);
  context.jobChanged(lease.jobId);
  log("warn", "job lost its agent", {
    job: lease.jobId,
    attempt: lease.attempt,
    why,
    given_up: isGivenUp,
  });
}

/** Fails jobs that lost their agent so long ago that no other is going to come. */
export async function giveUpLost(context: DispatchContext): Promise<void> {
  const now = context.now();
  const transition = giveUp({
    detail: "Since then, no other agent was free to run it.",
    countsLoss: false,
    now,
  });
  const lost = lostBefore(context.pool, now - context.timing.lostWaitMs);
  const givenUp = await withRetry(() =>
    applyTransition(context.db, transition, lost).returning({ id: jobs.id }),
  );
  for (const { id } of givenUp) {
    context.jobChanged(id);
    log("warn", "job given up: it lost its agent and found no other", { job: id });
    context.wakeReceivers(await receiversOf(context.db, id));
    await discardResultUploads(context.db, context.bucket, id);
  }
}

/**
 * Requeues an assignment that its agent did not accept. Nothing is counted, because it never began. If it has begun,
 * and only the acceptance was lost, the lease stays.
 */
export async function returnUnaccepted(
  context: DispatchContext,
  lease: Lease,
  message: string,
): Promise<void> {
  const fence = fenceOf(lease);
  const transition = requeueUnaccepted({ leaseId: lease.leaseId, message, now: context.now() });
  await withRetry(async () => applyTransition(context.db, transition, heldUnder(fence, lease.agentId)));
  context.jobChanged(lease.jobId);
  const hasBegun = await isUnfinishedUnder(context.db, fence, lease.agentId);
  const current = context.leases.get(lease.jobId);
  if (!hasBegun) context.leases.remove(lease);
  else if (current?.leaseId === lease.leaseId) accept(context, current);
}
