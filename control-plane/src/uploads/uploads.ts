import type { ListUploadsQuery, UploadedPart, UploadProtocol } from "@splatt/shared";
import {
  and,
  eq,
  exists,
  gt,
  isNotNull,
  isNull,
  notExists,
  type SQL,
  type SQLWrapper,
  sql,
} from "drizzle-orm";
import type { z } from "zod";
import { auditIf } from "../audit/audit.ts";
import { type Database, withRetry } from "../db/database.ts";
import { inList } from "../db/in-list.ts";
import { afterCursor, newestFirst, pageOf } from "../db/newest-first.ts";
import { jobs, tusUploads, type UploadRow, uploadParts, uploads } from "../db/schema.ts";
import { ApiError } from "../http/problem.ts";
import { OWNER, type Principal } from "../keys/principal.ts";
import { tailPrefix } from "../storage/append-through-worker.ts";
import type { ObjectBytes } from "../storage/object-bytes.ts";
import { abortMultipart, completeMultipart } from "./multipart.ts";
import type { ReceivedPart } from "./received-parts.ts";
import { usesUpload } from "./upload-users.ts";

/** How long a client has to complete an upload, and to use it in a job. R2 drops open ones after 7 days. */
export const UPLOAD_LIFETIME_MS = 6 * 24 * 3600 * 1000;

/** What a request can read from R2 and hash: about 2 s of CPU time. */
const MAX_VERIFIED_BYTES = 512 * 1024 * 1024;

/** The `expiresAt` of an upload that is being deleted. */
const BEING_DELETED = 0;

/** Where uploads are: their rows, their objects, and who moves the bytes. */
export interface UploadStores {
  readonly db: Database;
  readonly bucket: R2Bucket;
  readonly bytes: ObjectBytes;
}

/** What the client says about a video that it is going to send. */
export interface AnnouncedUpload extends Pick<UploadRow, "filename" | "size" | "sha256"> {
  readonly protocol: UploadProtocol;
  readonly partSize: number;
}

/** Opens an upload for a client's video in the bucket. @returns its row, which is still to be written */
export async function openUpload(
  bucket: R2Bucket,
  { keyId }: Pick<Principal, "keyId">,
  announced: AnnouncedUpload,
): Promise<UploadRow> {
  const id = crypto.randomUUID();
  const r2Key = `uploads/${id}/source`;
  const multipart = await bucket.createMultipartUpload(r2Key);
  const now = Date.now();
  return {
    ...announced,
    id,
    apiKeyId: keyId,
    r2Key,
    r2UploadId: multipart.uploadId,
    etag: null,
    createdAt: now,
    expiresAt: now + UPLOAD_LIFETIME_MS,
  };
}

/** @throws ApiError 404 when there is no such upload, it is being deleted, or it is another key's */
export async function findUpload(
  db: Database,
  id: string,
  principal: UploadOwner = OWNER,
): Promise<UploadRow> {
  const [upload] = await db
    .select()
    .from(uploads)
    .where(and(eq(uploads.id, id), isPresent(), isVisibleTo(principal)));
  if (upload === undefined) throw new ApiError("upload_not_found");
  return upload;
}

export type UploadOwner = Pick<Principal, "keyId" | "scopes">;

/** A key sees its own uploads, an admin all. */
export function isVisibleTo({ keyId, scopes }: UploadOwner): SQL | undefined {
  if (scopes.has("admin")) return undefined;
  return keyId === null ? isNull(uploads.apiKeyId) : eq(uploads.apiKeyId, keyId);
}

/**
 * The uploads that a job names as its input, in their order.
 *
 * @throws ApiError 404 or 409 when one of them does not exist or is incomplete
 */
export async function findCompletedUploads(
  db: Database,
  ids: readonly string[],
  principal: UploadOwner = OWNER,
): Promise<UploadRow[]> {
  if (ids.length === 0) return [];
  const rows = await db
    .select()
    .from(uploads)
    .where(and(inList(uploads.id, ids), isPresent(), isVisibleTo(principal)));
  const found = new Map(rows.map((row) => [row.id, row]));
  return ids.map((id) => {
    const upload = found.get(id);
    const named = ids.length > 1 ? `The upload ${id}` : undefined;
    if (upload === undefined) throw new ApiError("upload_not_found", named && `${named} does not exist.`);
    if (upload.etag === null) throw new ApiError("upload_incomplete", named && `${named} is not complete.`);
    return upload;
  });
}

/** The condition that an upload exists and is not being deleted. */
export function isPresent(): SQL {
  return gt(uploads.expiresAt, BEING_DELETED);
}

export async function recordPart(
  db: Database,
  uploadId: string,
  part: Omit<ReceivedPart, "size">,
): Promise<void> {
  const { etag, sha256 } = part;
  await withRetry(() =>
    db
      .insert(uploadParts)
      .values({ uploadId, partNumber: part.part_number, etag, sha256 })
      .onConflictDoUpdate({
        target: [uploadParts.uploadId, uploadParts.partNumber],
        set: { etag, sha256 },
      }),
  );
}

/**
 * Lets the client send parts again that storage refused to assemble, without saying which: two requests sent one number
 * at once, and storage kept the part that has no row.
 */
async function forgetParts(db: Database, uploadId: string, parts: readonly UploadedPart[]): Promise<void> {
  const etags = parts.map(({ etag }) => etag);
  await withRetry(() =>
    db.delete(uploadParts).where(and(eq(uploadParts.uploadId, uploadId), inList(uploadParts.etag, etags))),
  );
}

/**
 * Assembles the parts into the video.
 *
 * @throws ApiError 409 when parts are missing; 422 when the video is not the one that was announced, and then the
 * upload is deleted
 */
export async function completeUpload(
  { db, bucket, bytes }: UploadStores,
  upload: UploadRow,
  parts: readonly UploadedPart[],
): Promise<UploadRow> {
  if (upload.etag !== null) return upload;
  const wanted = Math.ceil(upload.size / upload.partSize);
  if (parts.length !== wanted) {
    throw new ApiError("upload_incomplete", `${parts.length} of ${wanted} parts have arrived.`);
  }
  const { etag } = await completeMultipart(bucket, upload, parts).catch(async (error: unknown) => {
    if (error instanceof ApiError && upload.protocol === "parts") await forgetParts(db, upload.id, parts);
    throw error;
  });
  if (!(await isAsAnnounced(bytes, upload))) {
    await deleteUpload(db, bucket, { ...upload, etag });
    throw new ApiError("upload_checksum_mismatch");
  }
  await withRetry(() => db.update(uploads).set({ etag }).where(eq(uploads.id, upload.id)));
  return { ...upload, etag };
}

/**
 * Verifies the SHA-256 of a stored video. A larger one would take longer than a request may; the agent verifies every
 * video that it downloads.
 */
async function isAsAnnounced(bytes: ObjectBytes, { r2Key, size, sha256 }: UploadRow): Promise<boolean> {
  if (sha256 === null || size > MAX_VERIFIED_BYTES) return true;
  const stored = await bytes.sha256(r2Key);
  if (stored === null) throw new ApiError("upload_not_found");
  return stored === sha256;
}

/**
 * Deletes an upload that nobody keeps. After the first batch no job can name it, and no job promises it. Its row goes
 * last, so that the scheduled purge finishes a deletion that was interrupted.
 *
 * @param by who asked for it, for the audit; null when it is the control plane's own decision
 * @param keepers the jobs that keep it, as a query; by default all that use it
 * @returns false when there are such jobs
 */
export async function deleteUpload(
  db: Database,
  bucket: R2Bucket,
  upload: UploadRow,
  by: Principal | null = null,
  keepers: SQLWrapper = db.select({ one: sql`1` }).from(jobs).where(usesUpload(upload.id)),
): Promise<boolean> {
  const row = eq(uploads.id, upload.id);
  const unused = db
    .select({ one: sql`1` })
    .from(uploads)
    .where(and(row, isPresent(), notExists(keepers)));
  const marked = db
    .select({ one: sql`1` })
    .from(uploads)
    .where(and(row, eq(uploads.expiresAt, BEING_DELETED)));
  const marking = [
    db
      .update(uploads)
      .set({ expiresAt: BEING_DELETED })
      .where(and(row, notExists(keepers))),
    db
      .update(jobs)
      .set({ inputPurgedAt: Date.now(), version: sql`${jobs.version} + 1` })
      .where(and(usesUpload(upload.id), isNull(jobs.inputPurgedAt), exists(marked))),
  ] as const;
  await withRetry<unknown>(() =>
    by === null
      ? db.batch(marking)
      : db.batch([auditIf(db, by, "upload.deleted", upload.id, exists(unused)), ...marking]),
  );
  const left = await db.select({ id: uploads.id }).from(uploads).where(and(row, isPresent()));
  if (left.length > 0) return false;
  if (upload.etag === null) await abortMultipart(bucket, upload);
  await bucket.delete(upload.r2Key);
  if (upload.protocol === "tus") await deleteTail(bucket, upload);
  await withRetry(() =>
    db.batch([
      db.delete(uploadParts).where(eq(uploadParts.uploadId, upload.id)),
      ...(upload.protocol === "tus" ? [db.delete(tusUploads).where(eq(tusUploads.uploadId, upload.id))] : []),
      db.delete(uploads).where(row),
    ]),
  );
  return true;
}

/** Deletes the pieces of an upload that waited for the rest of their part. */
export async function deleteTail(bucket: R2Bucket, { r2Key }: Pick<UploadRow, "r2Key">): Promise<void> {
  for (let more = true; more; ) {
    const { objects, truncated } = await bucket.list({ prefix: tailPrefix(r2Key) });
    if (objects.length > 0) await bucket.delete(objects.map(({ key }) => key));
    more = truncated;
  }
}

/** A page of the uploads that a key sees, newest first. */
export async function listUploads(
  db: Database,
  principal: UploadOwner,
  { status, limit, cursor }: z.infer<typeof ListUploadsQuery>,
): Promise<{ page: UploadRow[]; nextCursor: string | null }> {
  const visible = isVisibleTo(principal);
  // One more than asked for tells whether there is a next page.
  const found = await db
    .select()
    .from(uploads)
    .where(
      and(
        // Few uploads are open: `+` keeps SQLite from reading all of the key's.
        status === "open" && visible !== undefined ? sql`+${visible}` : visible,
        isPresent(),
        status === undefined ? undefined : status === "open" ? isNull(uploads.etag) : isNotNull(uploads.etag),
        afterCursor(uploads, cursor),
      ),
    )
    .orderBy(...newestFirst(uploads))
    .limit(limit + 1);
  return pageOf(found, limit);
}

/** Deletes the upload with the last job that used it. */
export async function deleteUnusedUpload(db: Database, bucket: R2Bucket, id: string): Promise<void> {
  const [upload] = await db.select().from(uploads).where(eq(uploads.id, id));
  if (upload !== undefined) await deleteUpload(db, bucket, upload);
}
