import { TERMINAL_STATUSES } from "@splatt/shared";
import { and, gt, inArray, notExists, type SQL, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import { auditJobs } from "../audit/audit.ts";
import { type Database, database, withRetry } from "../db/database.ts";
import { hasStatus } from "../db/has-status.ts";
import { inList } from "../db/in-list.ts";
import { type JobRow, jobEvents, jobs, results, shares, tombstones, uploads } from "../db/schema.ts";
import { notifyDispatcher } from "../dispatch/dispatcher-client.ts";
import type { Env } from "../env.ts";
import type { Principal } from "../keys/principal.ts";
import { uploadsOf, usesUpload } from "../uploads/upload-users.ts";
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
  const [left] = await deleteRows(db, principal, [job.id], now);
  if (left !== undefined) return false;
  await purgeTombstone(db, env.BUCKET, { jobId: job.id, deletedAt: now, purgeAt: now });
  for (const id of uploadsOf(job)) await deleteUnusedUpload(db, env.BUCKET, id);
  await tellAgents(env, [job]);
  return true;
}

/**
 * Deletes the jobs that have ended. Their rows go at once, in one transaction however many they are; their objects,
 * and the videos that no job uses any more, are due for the scheduled purge.
 *
 * @returns those that have not ended
 */
export async function deleteJobs(env: Env, principal: Principal, rows: readonly JobRow[]): Promise<JobRow[]> {
  const db = database(env.DB);
  const now = Date.now();
  const videos = rows.flatMap(uploadsOf);
  const users = db.select({ one: sql`1` }).from(jobs).where(usesUpload(uploads.id));
  const expire = db
    .update(uploads)
    .set({ expiresAt: now })
    .where(and(inList(uploads.id, videos), gt(uploads.expiresAt, now), notExists(users)));
  const ids = rows.map(({ id }) => id);
  return deleteRows(db, principal, ids, now, videos.length > 0 ? [expire] : []);
}

/** Tells the agents of the jobs' pools to remove their files. */
export async function tellAgents(env: Env, deleted: readonly JobRow[]): Promise<void> {
  for (const [pool, ofPool] of Map.groupBy(deleted, (job) => job.pool)) {
    const ids = ofPool.map(({ id }) => id);
    await notifyDispatcher(env, pool, "jobs deleted", ids.join(" "), (dispatcher) =>
      dispatcher.jobsDeleted(ids),
    );
  }
}

/** @returns the jobs that are still there, because they have not ended */
async function deleteRows(
  db: Database,
  principal: Principal,
  ids: readonly string[],
  now: number,
  afterwards: readonly BatchItem<"sqlite">[] = [],
): Promise<JobRow[]> {
  const areEnded = and(inList(jobs.id, ids), hasStatus(TERMINAL_STATUSES)) as SQL;
  const ended = db.select({ id: jobs.id }).from(jobs).where(areEnded);
  const tombs = db
    .select({
      jobId: jobs.id,
      deletedAt: sql<number>`${now}`.as("deleted_at"),
      purgeAt: sql<number>`${now}`.as("purge_at"),
    })
    .from(jobs)
    .where(areEnded);
  await withRetry(() =>
    db.batch([
      db.insert(tombstones).select(tombs).onConflictDoNothing(),
      auditJobs(db, principal, "job.deleted", areEnded),
      db.delete(results).where(inArray(results.jobId, ended)),
      db.delete(shares).where(inArray(shares.jobId, ended)),
      db.delete(jobEvents).where(inArray(jobEvents.jobId, ended)),
      db.delete(jobs).where(areEnded),
      ...afterwards,
    ]),
  );
  return db.select().from(jobs).where(inList(jobs.id, ids));
}
