import { PART_SIZE_BYTES, type UploadedPart } from "@splatt/shared";
import { and, asc, eq, exists, gt, inArray, lt, notExists, type SQL, sql } from "drizzle-orm";
import { type Database, withRetry } from "../db/database.ts";
import { jobs, type UploadRow, uploadParts, uploads } from "../db/schema.ts";
import { ApiError } from "../http/problem.ts";
import { abortMultipart, completeMultipart } from "./multipart.ts";

/** How long a client has to complete an upload, and to use it in a job. R2 drops open ones after 7 days. */
const UPLOAD_LIFETIME_MS = 6 * 24 * 3600 * 1000;

/** The `expiresAt` of an upload that is being deleted. */
const BEING_DELETED = 0;

/** How many uploads in use one run extends; four million in a lifetime. */
const EXTENDED_PER_RUN = 500;

/** Opens an upload for a client's video in the bucket. @returns its row, which is still to be written */
export async function openUpload(
  bucket: R2Bucket,
  { filename, size }: Pick<UploadRow, "filename" | "size">,
): Promise<UploadRow> {
  const id = crypto.randomUUID();
  const r2Key = `uploads/${id}/source`;
  const multipart = await bucket.createMultipartUpload(r2Key);
  const now = Date.now();
  return {
    id,
    apiKeyId: null,
    protocol: "parts",
    filename,
    size,
    sha256: null,
    partSize: PART_SIZE_BYTES,
    r2Key,
    r2UploadId: multipart.uploadId,
    etag: null,
    createdAt: now,
    expiresAt: now + UPLOAD_LIFETIME_MS,
  };
}

/** @throws ApiError 404 when there is no such upload, or it is being deleted */
export async function findUpload(db: Database, id: string): Promise<UploadRow> {
  const [upload] = await db
    .select()
    .from(uploads)
    .where(and(eq(uploads.id, id), isPresent()));
  if (upload === undefined) throw new ApiError("upload_not_found");
  return upload;
}

/** The upload that a job names as its input. @throws ApiError 404 or 409 when it does not exist or is incomplete */
export async function findCompletedUpload(db: Database, id: string): Promise<UploadRow> {
  const upload = await findUpload(db, id);
  if (upload.etag === null) throw new ApiError("upload_incomplete");
  return upload;
}

/** The condition that an upload exists and is not being deleted. */
export function isPresent(): SQL {
  return gt(uploads.expiresAt, BEING_DELETED);
}

/** The parts that have arrived, in order. */
export async function receivedParts(db: Database, uploadId: string): Promise<UploadedPart[]> {
  return db
    .select({ part_number: uploadParts.partNumber, etag: uploadParts.etag })
    .from(uploadParts)
    .where(eq(uploadParts.uploadId, uploadId))
    .orderBy(asc(uploadParts.partNumber));
}

export async function recordPart(db: Database, uploadId: string, part: UploadedPart): Promise<void> {
  await withRetry(() =>
    db
      .insert(uploadParts)
      .values({ uploadId, partNumber: part.part_number, etag: part.etag })
      .onConflictDoUpdate({
        target: [uploadParts.uploadId, uploadParts.partNumber],
        set: { etag: part.etag },
      }),
  );
}

/** Assembles the parts into the video. @throws ApiError 409 when parts are missing */
export async function completeUpload(
  db: Database,
  bucket: R2Bucket,
  upload: UploadRow,
  parts: readonly UploadedPart[],
): Promise<UploadRow> {
  if (upload.etag !== null) return upload;
  const wanted = Math.ceil(upload.size / upload.partSize);
  if (parts.length !== wanted) {
    throw new ApiError("upload_incomplete", `${parts.length} of ${wanted} parts have arrived.`);
  }
  const { etag } = await completeMultipart(bucket, upload, parts);
  await withRetry(() => db.update(uploads).set({ etag }).where(eq(uploads.id, upload.id)));
  return { ...upload, etag };
}

/**
 * Deletes an upload that no job uses. After the first statement no job can name it. Its row goes last, so that the
 * scheduled purge finishes a deletion that was interrupted.
 *
 * @returns false when a job uses it
 */
export async function deleteUpload(db: Database, bucket: R2Bucket, upload: UploadRow): Promise<boolean> {
  const unused = notExists(db.select({ one: sql`1` }).from(jobs).where(eq(jobs.uploadId, upload.id)));
  const row = eq(uploads.id, upload.id);
  await withRetry(() => db.update(uploads).set({ expiresAt: BEING_DELETED }).where(and(row, unused)));
  const left = await db.select({ id: uploads.id }).from(uploads).where(and(row, isPresent()));
  if (left.length > 0) return false;
  if (upload.etag === null) await abortMultipart(bucket, upload);
  await bucket.delete(upload.r2Key);
  await withRetry(() =>
    db.batch([
      db.delete(uploadParts).where(eq(uploadParts.uploadId, upload.id)),
      db.delete(uploads).where(row),
    ]),
  );
  return true;
}

/** Deletes the upload with the last job that used it. */
export async function deleteUnusedUpload(db: Database, bucket: R2Bucket, id: string): Promise<void> {
  const [upload] = await db.select().from(uploads).where(eq(uploads.id, id));
  if (upload !== undefined) await deleteUpload(db, bucket, upload);
}

/**
 * Uploads that have expired and that no job uses. One in use is extended by another lifetime, so that each run reads
 * only those that have just expired.
 */
export async function expiredUploads(db: Database, now: number, limit: number): Promise<UploadRow[]> {
  const users = db.select({ one: sql`1` }).from(jobs).where(eq(jobs.uploadId, uploads.id));
  const expired = lt(uploads.expiresAt, now);
  const used = db
    .select({ id: uploads.id })
    .from(uploads)
    .where(and(expired, isPresent(), exists(users)))
    .orderBy(asc(uploads.expiresAt))
    .limit(EXTENDED_PER_RUN);
  await db
    .update(uploads)
    .set({ expiresAt: now + UPLOAD_LIFETIME_MS })
    .where(inArray(uploads.id, used));
  return db
    .select()
    .from(uploads)
    .where(and(expired, notExists(users)))
    .orderBy(asc(uploads.expiresAt))
    .limit(limit);
}
