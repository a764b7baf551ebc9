import { TERMINAL_STATUSES } from "@splatt/shared";
import { and, asc, eq, exists, inArray, lt, notExists, notInArray, sql } from "drizzle-orm";
import { type Database, withRetry } from "../db/database.ts";
import { jobs, results, resultUploads, tombstones, uploads } from "../db/schema.ts";
import { errorText, log } from "../log.ts";
import { abortMultipart } from "../uploads/multipart.ts";
import { deleteUpload, isThere, UPLOAD_LIFETIME_MS } from "../uploads/routes.ts";

/** R2 forgets an open multipart upload after 7 days; until then a stale one can still put an object. */
const STALE_UPLOAD_MS = 8 * 24 * 3600 * 1000;
/** An ended job's result uploads are dropped when it ends; whatever is older than this was missed then. */
const MISSED_UPLOAD_MS = 3600 * 1000;
/** How many leftovers one scheduled run takes on, within D1's and R2's limits per invocation. */
const BATCH = 50;
/** How many videos in use get another term in one scheduled run: four million in a term. */
const RENEWALS = 500;

export type TombstoneRow = typeof tombstones.$inferSelect;

/** Removes what R2 has of a deleted job, and keeps the tombstone until the second purge is done too. */
export async function purgeTombstone(db: Database, bucket: R2Bucket, tombstone: TombstoneRow): Promise<void> {
  await discardResultUploads(db, bucket, tombstone.jobId);
  await deletePrefix(bucket, `jobs/${tombstone.jobId}/`);
  const lastPurgeAt = tombstone.deletedAt + STALE_UPLOAD_MS;
  const row = eq(tombstones.jobId, tombstone.jobId);
  await withRetry(async () =>
    tombstone.purgeAt >= lastPurgeAt
      ? db.delete(tombstones).where(row)
      : db.update(tombstones).set({ purgeAt: lastPurgeAt }).where(row),
  );
}

/**
 * Drops the result uploads of a job that has ended, but for the objects that are its results: open ones are
 * aborted, objects that lost and the preview are deleted, and no row stays behind. Safe to repeat.
 */
export async function discardResultUploads(db: Database, bucket: R2Bucket, jobId: string): Promise<void> {
  const [rows, won] = await db.batch([
    db.select().from(resultUploads).where(eq(resultUploads.jobId, jobId)),
    db.select({ r2Key: results.r2Key }).from(results).where(eq(results.jobId, jobId)),
  ]);
  const kept = new Set(won.map(({ r2Key }) => r2Key));
  for (const row of rows) {
    if (kept.has(row.r2Key)) continue;
    if (row.etag === null) await abortMultipart(bucket, row);
    await bucket.delete(row.r2Key);
  }
  const ids = JSON.stringify(rows.map(({ id }) => id));
  await withRetry(() =>
    db
      .delete(resultUploads)
      .where(and(eq(resultUploads.jobId, jobId), sql`id IN (SELECT value FROM json_each(${ids}))`)),
  );
}

/** Finishes what was cut off and drops what nobody came back for. Safe to repeat and to interrupt. */
export async function purgeLeftovers(db: Database, bucket: R2Bucket, now: number): Promise<void> {
  const due = await db.select().from(tombstones).where(lt(tombstones.purgeAt, now)).limit(BATCH);
  await each(due, (tombstone) => purgeTombstone(db, bucket, tombstone));

  await purgeExpiredUploads(db, bucket, now);

  const running = db
    .select({ one: sql`1` })
    .from(jobs)
    .where(and(eq(jobs.id, resultUploads.jobId), notInArray(jobs.status, [...TERMINAL_STATUSES])));
  const missed = await db
    .selectDistinct({ jobId: resultUploads.jobId })
    .from(resultUploads)
    .where(and(lt(resultUploads.createdAt, now - MISSED_UPLOAD_MS), notExists(running)))
    .limit(BATCH);
  await each(missed, ({ jobId }) => discardResultUploads(db, bucket, jobId));
}

/** One leftover that cannot be removed now must not keep the others; it is found again by the next run. */
async function each<T>(leftovers: readonly T[], remove: (leftover: T) => Promise<unknown>): Promise<void> {
  for (const leftover of leftovers) {
    try {
      await remove(leftover);
    } catch (error) {
      log("warn", "a leftover could not be removed and is tried again", { error: errorText(error) });
    }
  }
}

/**
 * An expired video that a job uses goes with the last such job. It gets another term, so that what is looked at each
 * minute are those whose term has just ended, however many jobs there are.
 */
async function purgeExpiredUploads(db: Database, bucket: R2Bucket, now: number): Promise<void> {
  const users = db.select({ one: sql`1` }).from(jobs).where(eq(jobs.uploadId, uploads.id));
  const expired = lt(uploads.expiresAt, now);
  const used = db
    .select({ id: uploads.id })
    .from(uploads)
    .where(and(expired, isThere(), exists(users)))
    .orderBy(asc(uploads.expiresAt))
    .limit(RENEWALS);
  await db
    .update(uploads)
    .set({ expiresAt: now + UPLOAD_LIFETIME_MS })
    .where(inArray(uploads.id, used));
  const unused = await db
    .select()
    .from(uploads)
    .where(and(expired, notExists(users)))
    .orderBy(asc(uploads.expiresAt))
    .limit(BATCH);
  await each(unused, (upload) => deleteUpload(db, bucket, upload));
}

async function deletePrefix(bucket: R2Bucket, prefix: string): Promise<void> {
  for (;;) {
    const { objects, truncated } = await bucket.list({ prefix });
    if (objects.length > 0) await bucket.delete(objects.map((object) => object.key));
    if (!truncated) return;
  }
}
