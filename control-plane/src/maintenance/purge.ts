import { and, eq, isNull, lt, notExists, sql } from "drizzle-orm";
import { type Database, withRetry } from "../db/database.ts";
import { jobs, resultUploads, tombstones, uploads } from "../db/schema.ts";
import { abortMultipart } from "../uploads/multipart.ts";
import { deleteUpload } from "../uploads/routes.ts";

/** R2 forgets an open multipart upload after 7 days; until then a stale one can still put an object. */
const STALE_UPLOAD_MS = 8 * 24 * 3600 * 1000;
/** How many leftovers one scheduled run takes on, within D1's and R2's limits per invocation. */
const BATCH = 50;

export type TombstoneRow = typeof tombstones.$inferSelect;

/** Removes what R2 has of a deleted job, and keeps the tombstone until the second purge is done too. */
export async function purgeTombstone(db: Database, bucket: R2Bucket, tombstone: TombstoneRow): Promise<void> {
  await discardResultUploads(db, bucket, tombstone.jobId, []);
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
 * Drops a job's result uploads but those whose ids are in `keep`: open ones are aborted, objects that lost
 * are deleted, and no row stays behind. The kept objects belong to the job's results from then on.
 */
export async function discardResultUploads(
  db: Database,
  bucket: R2Bucket,
  jobId: string,
  keep: readonly string[],
): Promise<void> {
  const rows = await db.query.resultUploads.findMany({ where: eq(resultUploads.jobId, jobId) });
  for (const row of rows) {
    if (keep.includes(row.id)) continue;
    if (row.etag === null) await abortMultipart(bucket, row);
    await bucket.delete(row.r2Key);
  }
  await withRetry(() => db.delete(resultUploads).where(eq(resultUploads.jobId, jobId)));
}

/** Finishes what was cut off and drops what nobody came back for. Safe to repeat and to interrupt. */
export async function purgeLeftovers(db: Database, bucket: R2Bucket, now: number): Promise<void> {
  const due = await db.query.tombstones.findMany({ where: lt(tombstones.purgeAt, now), limit: BATCH });
  for (const tombstone of due) await purgeTombstone(db, bucket, tombstone);

  const unused = notExists(db.select({ one: sql`1` }).from(jobs).where(eq(jobs.uploadId, uploads.id)));
  const expired = await db
    .select()
    .from(uploads)
    .where(and(lt(uploads.expiresAt, now), unused))
    .limit(BATCH);
  for (const upload of expired) await deleteUpload(db, bucket, upload);

  const stale = await db.query.resultUploads.findMany({
    where: and(lt(resultUploads.createdAt, now - STALE_UPLOAD_MS), isNull(resultUploads.etag)),
    limit: BATCH,
  });
  for (const upload of stale) {
    await withRetry(() => db.delete(resultUploads).where(eq(resultUploads.id, upload.id)));
  }
}

async function deletePrefix(bucket: R2Bucket, prefix: string): Promise<void> {
  for (;;) {
    const { objects, truncated } = await bucket.list({ prefix });
    if (objects.length > 0) await bucket.delete(objects.map((object) => object.key));
    if (!truncated) return;
  }
}
