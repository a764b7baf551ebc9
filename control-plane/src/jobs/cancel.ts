import { statusesBefore } from "@splatt/shared";
import { and, eq, inArray, sql } from "drizzle-orm";
import { database, withRetry } from "../db/database.ts";
import { jobs } from "../db/schema.ts";
import { dispatcherOf } from "../dispatch/stub.ts";
import type { Env } from "../env.ts";
import { errorText, log } from "../log.ts";
import { discardResultUploads } from "../maintenance/purge.ts";
import type { JobRow } from "./view.ts";

/**
 * Cancels a job in D1, whether or not an agent has it or is there to hear of it. The lease is gone with the same
 * statement, so nothing that the agent still sends counts.
 *
 * @returns the job as it is now; it has another terminal status when it had ended before
 */
export async function cancelJob(env: Env, job: JobRow): Promise<JobRow | undefined> {
  const db = database(env.DB);
  const now = Date.now();
  await withRetry(() =>
    db
      .update(jobs)
      .set({
        status: "cancelled",
        message: "Cancelled",
        leaseId: null,
        lastAgentId: sql`coalesce(${jobs.agentId}, ${jobs.lastAgentId})`,
        nextAttemptAt: null,
        etaSeconds: null,
        endedAt: now,
        updatedAt: now,
      })
      .where(and(eq(jobs.id, job.id), inArray(jobs.status, statusesBefore("cancelled")))),
  );
  const [after] = await db.select().from(jobs).where(eq(jobs.id, job.id));
  return after;
}

/** What follows a cancel: the agent stops at once, and nothing of a started upload stays. */
export async function stopCancelledJob(env: Env, job: JobRow): Promise<void> {
  // What fails here is made up for: the agent hears of it when it next says what it holds, and the scheduled purge
  // finds the uploads.
  const missed = (what: string) => (error: unknown) =>
    log("warn", what, { job: job.id, error: errorText(error) });
  await dispatcherOf(env, job.pool)
    .jobCancelled(job.id)
    .catch(missed("the Dispatcher did not hear of a cancelled job"));
  await discardResultUploads(database(env.DB), env.BUCKET, job.id).catch(
    missed("what a cancelled job uploaded was not removed"),
  );
}
