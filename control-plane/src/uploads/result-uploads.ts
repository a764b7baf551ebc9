import { PART_SIZE_BYTES, TERMINAL_STATUSES } from "@splatt/shared";
import { and, eq, lt, notExists, notInArray, sql } from "drizzle-orm";
import { type Database, withRetry } from "../db/database.ts";
import { type JobRow, jobs, type ResultUploadRow, results, resultUploads } from "../db/schema.ts";
import { abortMultipart } from "./multipart.ts";
import { deleteStrays } from "./whole-files.ts";

/** The result uploads of a job are discarded when it ends; an older one was missed then. */
const MISSED_AFTER_MS = 3600 * 1000;

/** Opens an upload for a result file of a job's attempt. */
export async function createResultUpload(
  db: Database,
  bucket: R2Bucket,
  job: Pick<JobRow, "id" | "attempt">,
  { filename, size }: Pick<ResultUploadRow, "filename" | "size">,
): Promise<ResultUploadRow> {
  const id = crypto.randomUUID();
  const r2Key = `jobs/${job.id}/${job.attempt}/${id}/${filename}`;
  const { uploadId: r2UploadId } = await bucket.createMultipartUpload(r2Key);
  const upload: ResultUploadRow = {
    id,
    jobId: job.id,
    attempt: job.attempt,
    filename,
    size,
    partSize: PART_SIZE_BYTES,
    r2Key,
    r2UploadId,
    etag: null,
    createdAt: Date.now(),
  };
  await withRetry(() => db.insert(resultUploads).values(upload).onConflictDoNothing());
  return upload;
}

/** Drops an upload that is still open. */
export async function discardOpenUpload(
  db: Database,
  bucket: R2Bucket,
  upload: ResultUploadRow,
): Promise<void> {
  await abortMultipart(bucket, upload);
  await withRetry(() => db.delete(resultUploads).where(rowOf(upload)));
}

/**
 * Records that the object of an upload is complete in storage. A slow request may find that the job has ended and its
 * uploads were discarded: then the object is deleted here, unless it is one of the results, which another request for
 * the same upload recorded in time.
 *
 * @returns false when the job has ended
 */
export async function recordObject(
  db: Database,
  bucket: R2Bucket,
  { id, jobId, r2Key }: Pick<ResultUploadRow, "id" | "jobId" | "r2Key">,
  etag: string,
): Promise<boolean> {
  const recorded = await withRetry(() =>
    db.update(resultUploads).set({ etag }).where(rowOf({ jobId, id })).returning({ id: resultUploads.id }),
  );
  if (recorded.length > 0) return true;
  const [result] = await db
    .select({ r2Key: results.r2Key })
    .from(results)
    .where(and(eq(results.jobId, jobId), eq(results.r2Key, r2Key)));
  if (result === undefined) await bucket.delete(r2Key);
  return false;
}

/**
 * Discards the result uploads of a job that has ended, except the objects that are its results: open uploads are
 * aborted, other files and the preview are deleted, and no row stays. Safe to repeat.
 */
export async function discardResultUploads(db: Database, bucket: R2Bucket, jobId: string): Promise<void> {
  const [rows, won] = await db.batch([
    db.select().from(resultUploads).where(eq(resultUploads.jobId, jobId)),
    db.select({ r2Key: results.r2Key }).from(results).where(eq(results.jobId, jobId)),
  ]);
  const kept = new Set(won.map(({ r2Key }) => r2Key));
  for (const row of rows) {
    if (row.etag === null && !kept.has(row.r2Key)) await abortMultipart(bucket, row);
  }
  await deleteStrays(bucket, jobId, kept);
  const ids = JSON.stringify(rows.map(({ id }) => id));
  await withRetry(() =>
    db
      .delete(resultUploads)
      .where(and(eq(resultUploads.jobId, jobId), sql`id IN (SELECT value FROM json_each(${ids}))`)),
  );
}

function rowOf({ jobId, id }: Pick<ResultUploadRow, "jobId" | "id">) {
  return and(eq(resultUploads.jobId, jobId), eq(resultUploads.id, id));
}

/** Ended jobs whose result uploads were not discarded when they ended. */
export async function jobsWithMissedUploads(db: Database, now: number, limit: number): Promise<string[]> {
  const running = db
    .select({ one: sql`1` })
    .from(jobs)
    .where(and(eq(jobs.id, resultUploads.jobId), notInArray(jobs.status, [...TERMINAL_STATUSES])));
  const missed = await db
    .selectDistinct({ jobId: resultUploads.jobId })
    .from(resultUploads)
    .where(and(lt(resultUploads.createdAt, now - MISSED_AFTER_MS), notExists(running)))
    .limit(limit);
  return missed.map(({ jobId }) => jobId);
}
