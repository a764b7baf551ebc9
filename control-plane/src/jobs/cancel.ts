import { TERMINAL_STATUSES } from "@splatt/shared";
import { and, notInArray } from "drizzle-orm";
import { auditJobs } from "../audit/audit.ts";
import { type Database, database, withRetry } from "../db/database.ts";
import { inList } from "../db/in-list.ts";
import { type JobRow, jobs, resultSweeps, resultUploads } from "../db/schema.ts";
import { notifyDispatcher } from "../dispatch/dispatcher-client.ts";
import type { Env } from "../env.ts";
import type { Principal } from "../keys/principal.ts";
import { log } from "../log.ts";
import { discardResultUploads } from "../uploads/result-uploads.ts";
import { receiversOf } from "../webhooks/outbox.ts";
import { wakeSenders } from "../webhooks/wake.ts";
import { applyTransition, cancel } from "./transitions.ts";

/**
 * Cancels jobs in D1, whether or not an agent is connected. The same statement removes the lease, so nothing that the
 * agent still sends counts.
 *
 * @returns the jobs as they are now; one has another terminal status when it had ended before
 */
export async function cancelJobs(
  env: Env,
  principal: Principal,
  jobIds: readonly string[],
): Promise<JobRow[]> {
  const db = database(env.DB);
  const areRunning = and(inList(jobs.id, jobIds), notInArray(jobs.status, [...TERMINAL_STATUSES]));
  const [, , after] = await withRetry(() =>
    db.batch([
      auditJobs(db, principal, "job.cancelled", areRunning),
      applyTransition(db, cancel(Date.now()), inList(jobs.id, jobIds)),
      db.select().from(jobs).where(inList(jobs.id, jobIds)),
    ]),
  );
  return after;
}

/**
 * What follows a cancel: the agents stop, and started uploads are discarded. What fails here is made up for later: an
 * agent learns of the cancel when it next reports what it holds, and the scheduled purge finds the uploads.
 */
export async function stopCancelledJobs(env: Env, cancelled: readonly JobRow[]): Promise<void> {
  const db = database(env.DB);
  const isTold = tellReceivers(env, db, cancelled);
  for (const [pool, ofPool] of Map.groupBy(cancelled, (job) => job.pool)) {
    const ids = idsOf(ofPool);
    await notifyDispatcher(env, pool, "jobs cancelled", ids.join(" "), (dispatcher) =>
      dispatcher.jobsCancelled(ids),
    );
  }
  await discardUploads(env, db, cancelled);
  await isTold;
}

async function discardUploads(env: Env, db: Database, cancelled: readonly JobRow[]): Promise<void> {
  try {
    // Only jobs that agents were working on have some.
    const ids = idsOf(cancelled);
    const begun = await db
      .select({ jobId: resultUploads.jobId })
      .from(resultUploads)
      .where(inList(resultUploads.jobId, ids))
      .union(
        db.select({ jobId: resultSweeps.jobId }).from(resultSweeps).where(inList(resultSweeps.jobId, ids)),
      );
    for (const { jobId } of begun) await discardResultUploads(db, env.BUCKET, jobId);
  } catch (error) {
    log("warn", "uploads of cancelled jobs not discarded", { jobs: cancelled.length }, error);
  }
}

async function tellReceivers(env: Env, db: Database, cancelled: readonly JobRow[]): Promise<void> {
  try {
    const rows = await receiversOf(db, ...idsOf(cancelled));
    await wakeSenders(
      env,
      rows.map(({ receiver }) => receiver),
    );
  } catch (error) {
    log(
      "warn",
      "webhooks of cancelled jobs wait for the scheduled handler",
      { jobs: cancelled.length },
      error,
    );
  }
}

function idsOf(rows: readonly JobRow[]): string[] {
  return rows.map(({ id }) => id);
}
