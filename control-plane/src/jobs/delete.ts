import { TERMINAL_STATUSES } from "@splatt/shared";
import { and, eq, exists, inArray, sql } from "drizzle-orm";
import { database, withRetry } from "../db/database.ts";
import { jobEvents, jobs, results, tombstones, uploads } from "../db/schema.ts";
import { dispatcherOf } from "../dispatch/stub.ts";
import type { Env } from "../env.ts";
import { errorText, log } from "../log.ts";
import { purgeTombstone } from "../maintenance/purge.ts";
import { deleteUpload } from "../uploads/routes.ts";
import type { JobRow } from "./view.ts";

/**
 * Deletes a job that has ended: its rows at once, its objects right after, and its R2 prefix once more when
 * no stale upload can arrive any longer. The tombstone lets the scheduled purge finish what is cut off here.
 *
 * @returns whether the job is gone; false when it has not ended
 */
export async function deleteJob(env: Env, job: JobRow): Promise<boolean> {
  const db = database(env.DB);
  const now = Date.now();
  const endedJob = db
    .select({
      jobId: jobs.id,
      deletedAt: sql<number>`${now}`.as("deleted_at"),
      purgeAt: sql<number>`${now}`.as("purge_at"),
    })
    .from(jobs)
    .where(and(eq(jobs.id, job.id), inArray(jobs.status, [...TERMINAL_STATUSES])));
  await withRetry(() =>
    db.batch([
      db.insert(tombstones).select(endedJob).onConflictDoNothing(),
      db.delete(results).where(and(eq(results.jobId, job.id), exists(endedJob))),
      db.delete(jobEvents).where(and(eq(jobEvents.jobId, job.id), exists(endedJob))),
      db.delete(jobs).where(and(eq(jobs.id, job.id), inArray(jobs.status, [...TERMINAL_STATUSES]))),
    ]),
  );
  const left = await db.select({ id: jobs.id }).from(jobs).where(eq(jobs.id, job.id));
  if (left.length > 0) return false;

  await purgeTombstone(db, env.BUCKET, { jobId: job.id, deletedAt: now, purgeAt: now });
  if (job.uploadId !== null) {
    const [upload] = await db.select().from(uploads).where(eq(uploads.id, job.uploadId));
    if (upload !== undefined) await deleteUpload(db, env.BUCKET, upload);
  }
  await tellAgents(env, job);
  return true;
}

/** Agents that do not hear of it now are told when they next connect and say what they keep. */
async function tellAgents(env: Env, job: JobRow): Promise<void> {
  try {
    await dispatcherOf(env, job.pool).jobDeleted(job.id);
  } catch (error) {
    log("warn", "the Dispatcher did not hear of a deleted job", { job: job.id, error: errorText(error) });
  }
}
