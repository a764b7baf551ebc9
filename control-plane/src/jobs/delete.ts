import { TERMINAL_STATUSES } from "@splatt/shared";
import { and, eq, exists, inArray, sql } from "drizzle-orm";
import { auditIf } from "../audit/audit.ts";
import { database, withRetry } from "../db/database.ts";
import { type JobRow, jobEvents, jobs, results, shares, tombstones } from "../db/schema.ts";
import { notifyDispatcher } from "../dispatch/dispatcher-client.ts";
import type { Env } from "../env.ts";
import type { Principal } from "../keys/principal.ts";
import { deleteUnusedUpload } from "../uploads/uploads.ts";
import { purgeTombstone } from "./tombstones.ts";

/**
 * Deletes a job that has ended: its rows at once, then its objects, and its R2 prefix again when no stale upload can
 * arrive any more. The tombstone lets the scheduled purge finish a deletion that is interrupted here.
 *
 * @returns false when the job has not ended
 */
export async function deleteJob(env: Env, principal: Principal, job: JobRow): Promise<boolean> {
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
      auditIf(db, principal, "job.deleted", job.id, exists(endedJob)),
      db.delete(results).where(and(eq(results.jobId, job.id), exists(endedJob))),
      db.delete(shares).where(and(eq(shares.jobId, job.id), exists(endedJob))),
      db.delete(jobEvents).where(and(eq(jobEvents.jobId, job.id), exists(endedJob))),
      db.delete(jobs).where(and(eq(jobs.id, job.id), inArray(jobs.status, [...TERMINAL_STATUSES]))),
    ]),
  );
  const left = await db.select({ id: jobs.id }).from(jobs).where(eq(jobs.id, job.id));
  if (left.length > 0) return false;

  await purgeTombstone(db, env.BUCKET, { jobId: job.id, deletedAt: now, purgeAt: now });
  if (job.uploadId !== null) await deleteUnusedUpload(db, env.BUCKET, job.uploadId);
  await notifyDispatcher(env, job.pool, "job deleted", job.id, (dispatcher) => dispatcher.jobDeleted(job.id));
  return true;
}
