import { PREVIEW_FILE, resultContentType } from "@splatt/shared";
import type { StoredObject } from "../http/object-response.ts";

/** One object per job, put again with every new picture. */
export function previewKey(jobId: string): string {
  return `jobs/${jobId}/${PREVIEW_FILE}`;
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
  };
}
