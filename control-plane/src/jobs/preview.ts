import { PREVIEW_FILE, resultContentType } from "@splatt/shared";
import { type Database, withRetry } from "../db/database.ts";
import { type JobRow, resultUploads } from "../db/schema.ts";
import type { StoredObject } from "../http/object-response.ts";

/** One object per job, replaced by every new picture. */
export function previewKey(jobId: string): string {
  return `jobs/${jobId}/${PREVIEW_FILE}`;
}

/** Records the preview as a result upload that never becomes a result, so that it is discarded with the others. */
export async function recordPreview(
  db: Database,
  job: Pick<JobRow, "id" | "attempt">,
  size: number,
): Promise<void> {
  const row: typeof resultUploads.$inferInsert = {
    id: job.id,
    jobId: job.id,
    attempt: job.attempt,
    filename: PREVIEW_FILE,
    size,
    partSize: size,
    r2Key: previewKey(job.id),
    // It is put in one piece, without a multipart upload.
    r2UploadId: "",
    etag: "",
    createdAt: Date.now(),
  };
  await withRetry(() => db.insert(resultUploads).values(row).onConflictDoNothing());
}

/** The latest picture of a running job; null before the first. */
export async function findPreview(bucket: R2Bucket, jobId: string): Promise<StoredObject | null> {
  const object = await bucket.head(previewKey(jobId));
  if (object === null) return null;
  return {
    r2Key: object.key,
    etag: object.etag,
    size: object.size,
    filename: PREVIEW_FILE,
    contentType: resultContentType(PREVIEW_FILE),
    lastModified: object.uploaded.getTime(),
  };
}
