import { eq } from "drizzle-orm";
import { type Database, withRetry } from "../db/database.ts";
import { type TombstoneRow, tombstones } from "../db/schema.ts";
import { discardResultUploads } from "../uploads/result-uploads.ts";

/** R2 drops an open multipart upload after 7 days; until then a stale one can still put an object. */
const STALE_UPLOAD_MS = 8 * 24 * 3600 * 1000;

/** Removes what R2 has of a deleted job. The tombstone stays until a second purge, when no stale upload can arrive. */
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

async function deletePrefix(bucket: R2Bucket, prefix: string): Promise<void> {
  for (;;) {
    const { objects, truncated } = await bucket.list({ prefix });
    if (objects.length > 0) await bucket.delete(objects.map((object) => object.key));
    if (!truncated) return;
  }
}
