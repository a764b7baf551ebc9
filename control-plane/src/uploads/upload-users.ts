import { eq, inArray, or, type SQL, type SQLWrapper, sql } from "drizzle-orm";
import { type JobRow, jobs } from "../db/schema.ts";

/** The uploads that a job is made of, in their order; none where it comes from the web. */
export function uploadsOf({
  uploadId,
  uploadIds,
}: Pick<JobRow, "uploadId" | "uploadIds">): readonly string[] {
  return uploadIds ?? (uploadId === null ? [] : [uploadId]);
}

/** The condition that a job uses an upload, alone or with others. */
export function usesUpload(uploadId: string | SQLWrapper): SQL | undefined {
  const withOthers = sql`(SELECT job_id FROM job_uploads WHERE job_uploads.upload_id = ${uploadId})`;
  return or(eq(jobs.uploadId, uploadId), inArray(jobs.id, withOthers));
}
