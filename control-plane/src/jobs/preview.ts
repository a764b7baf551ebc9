import { PREVIEW_FILE, resultContentType } from "@splatt/shared";
import { type Database, withRetry } from "../db/database.ts";
import { resultUploads } from "../db/schema.ts";
import type { StoredObject } from "../http/object-response.ts";
import type { JobRow } from "./view.ts";

/** One object per job, put again with every new picture. */
export function previewKey(jobId: string): string {
  return `jobs/${jobId}/${PREVIEW_FILE}`;
}

/**
 * Notes, as an upload that never becomes a result, that a job has a preview: whoever clears up after the job finds it
 * by that row, also where the job's end itself was not heard of.
 */
export async function notePreview(
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
    // There is no multipart upload: it came in one piece.
    r2UploadId: "",
    etag: "",
    createdAt: Date.now(),
  };
  await withRetry(() => db.insert(resultUploads).values(row).onConflictDoNothing());
}

/** The latest picture of a job that trains, if there is one yet. */
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
