import { eq } from "drizzle-orm";
import { type Database, database, withRetry } from "../db/database.ts";
import { type JobRow, jobs } from "../db/schema.ts";
import { notifyDispatcher } from "../dispatch/dispatcher-client.ts";
import type { Env } from "../env.ts";
import { log } from "../log.ts";
import { discardResultUploads } from "../uploads/result-uploads.ts";
import { receiversOf } from "../webhooks/outbox.ts";
import { wakeSenders } from "../webhooks/wake.ts";
import { applyTransition, cancel } from "./transitions.ts";

/**
 * Cancels a job in D1, whether or not an agent is connected. The same statement removes the lease, so nothing that the
 * agent still sends counts.
 *
 * @returns the job as it is now; it has another terminal status when it had ended before
 */
export async function cancelJob(env: Env, job: JobRow): Promise<JobRow | undefined> {
  const db = database(env.DB);
  const [, [after]] = await withRetry(() =>
    db.batch([
      applyTransition(db, cancel(Date.now()), eq(jobs.id, job.id)),
      db.select().from(jobs).where(eq(jobs.id, job.id)),
    ]),
  );
  return after;
}

/**
 * What follows a cancel: the agent stops, and started uploads are discarded. What fails here is made up for later: the
 * agent learns of the cancel when it next reports what it holds, and the scheduled purge finds the uploads.
 */
export async function stopCancelledJob(env: Env, job: JobRow): Promise<void> {
  const db = database(env.DB);
  const isTold = tellReceivers(env, db, job);
  await notifyDispatcher(env, job.pool, "job cancelled", job.id, (dispatcher) =>
    dispatcher.jobCancelled(job.id),
  );
  try {
    await discardResultUploads(db, env.BUCKET, job.id);
  } catch (error) {
    log("warn", "uploads of a cancelled job not discarded", { job: job.id }, error);
  }
  await isTold;
}

async function tellReceivers(env: Env, db: Database, job: JobRow): Promise<void> {
  try {
    const rows = await receiversOf(db, job.id);
    await wakeSenders(
      env,
      rows.map(({ receiver }) => receiver),
    );
  } catch (error) {
    log("warn", "webhooks of a cancelled job wait for the scheduled handler", { job: job.id }, error);
  }
}
