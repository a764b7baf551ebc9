import { asc, lte } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { tombstones } from "../db/schema.ts";
import { purgeIdempotencyKeys } from "../idempotency/purge-keys.ts";
import { purgeTombstone } from "../jobs/tombstones.ts";
import { log } from "../log.ts";
import { rotateSigningSecrets } from "../results/signing-secrets.ts";
import { deleteExpiredShares } from "../shares/shares.ts";
import { dueUploads, removeUpload } from "../uploads/expiry.ts";
import { discardResultUploads, jobsWithMissedUploads } from "../uploads/result-uploads.ts";
import { jobsToSweep, sweepResultFiles } from "../uploads/whole-files.ts";
import { pruneHistory } from "../webhooks/receiver-sweep.ts";
import { jobsWithDueResults, purgeResults } from "./purge-results.ts";
import { KEEP_ALL, type Retention } from "./retention-settings.ts";

/** How many leftovers of a kind one scheduled run removes, within D1's and R2's limits per invocation. */
const BATCH = 50;
const EXPIRED_SHARES = 1000;

/** Finishes interrupted deletions and removes abandoned uploads. Safe to repeat and to interrupt. */
export async function purgeLeftovers(
  db: Database,
  bucket: R2Bucket,
  now: number,
  { inputMs, resultMs }: Retention = KEEP_ALL,
): Promise<void> {
  await purgeIdempotencyKeys(db, now);
  if (resultMs !== null) {
    const cutoff = now - resultMs;
    const jobIds = await jobsWithDueResults(db, cutoff, BATCH);
    await each(jobIds, (jobId) => purgeResults(db, jobId, { cutoff, now }));
  }
  const due = await db
    .select()
    .from(tombstones)
    .where(lte(tombstones.purgeAt, now))
    .orderBy(asc(tombstones.purgeAt))
    .limit(BATCH);
  await each(due, (tombstone) => purgeTombstone(db, bucket, tombstone));
  const uploads = await dueUploads(db, { now, inputMs, limit: BATCH });
  await each(uploads, (upload) => removeUpload(db, bucket, upload, { now, inputMs }));
  await rotateSigningSecrets(db, now);
  await deleteExpiredShares(db, now, EXPIRED_SHARES);
  await pruneHistory(db, now);
  await each(await jobsToSweep(db, now, BATCH), (jobId) => sweepResultFiles(db, bucket, jobId));
  await each(await jobsWithMissedUploads(db, now, BATCH), (jobId) => discardResultUploads(db, bucket, jobId));
}

/** A leftover that cannot be removed now does not keep the others; the next run finds it again. */
async function each<T>(leftovers: readonly T[], remove: (leftover: T) => Promise<unknown>): Promise<void> {
  for (const leftover of leftovers) {
    try {
      await remove(leftover);
    } catch (error) {
      log("warn", "leftover not removed; it will be retried", {}, error);
    }
  }
}
