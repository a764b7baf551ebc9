import { CreateUpload, offsetUtc, PART_SIZE_BYTES, type UploadView } from "@splatt/shared";
import { and, asc, eq, gt, notExists, type SQL, sql } from "drizzle-orm";
import { type Context, Hono } from "hono";
import type { AppEnv } from "../app-env.ts";
import { type Database, database, withRetry } from "../db/database.ts";
import { jobs, uploadParts, uploads } from "../db/schema.ts";
import { ApiError } from "../http/problem.ts";
import { readJson, validate } from "../http/validate.ts";
import { objectBytes } from "../storage/bytes-through-worker.ts";
import { abortMultipart, completeMultipart, storePart } from "./multipart.ts";

/** How long a client has to complete an upload, and to use it in a job. R2 drops open ones after 7 days. */
export const UPLOAD_LIFETIME_MS = 6 * 24 * 3600 * 1000;

/** The `expiresAt` of an upload that is being deleted. */
const BEING_DELETED = 0;

export type UploadRow = typeof uploads.$inferSelect;

/** A client's own video: announced, sent in parts straight into R2, then named as a job's `upload_id`. */
export const uploadRoutes = new Hono<AppEnv>()
  .post("/", async (c) => {
    const { filename, size } = validate(CreateUpload, await readJson(c), "body");
    const id = crypto.randomUUID();
    const r2Key = `uploads/${id}/source`;
    const multipart = await c.env.BUCKET.createMultipartUpload(r2Key);
    const now = Date.now();
    const upload: UploadRow = {
      id,
      filename,
      size,
      partSize: PART_SIZE_BYTES,
      r2Key,
      r2UploadId: multipart.uploadId,
      etag: null,
      createdAt: now,
      expiresAt: now + UPLOAD_LIFETIME_MS,
    };
    await withRetry(() => database(c.env.DB).insert(uploads).values(upload).onConflictDoNothing());
    return c.json(toView(upload, []));
  })

  .get("/:id", async (c) => {
    const upload = await findUpload(c);
    return c.json(toView(upload, await receivedParts(database(c.env.DB), upload.id)));
  })

  .put("/:id/parts/:number", async (c) => {
    const upload = await findUpload(c);
    if (upload.etag !== null) throw new ApiError("upload_completed");
    const part = await storePart(objectBytes(c.env), upload, Number(c.req.param("number")), c.req.raw);
    await withRetry(() =>
      database(c.env.DB)
        .insert(uploadParts)
        .values({ uploadId: upload.id, partNumber: part.part_number, etag: part.etag })
        .onConflictDoUpdate({
          target: [uploadParts.uploadId, uploadParts.partNumber],
          set: { etag: part.etag },
        }),
    );
    return c.json(part);
  })

  .post("/:id/complete", async (c) => {
    const db = database(c.env.DB);
    const upload = await findUpload(c);
    const parts = await receivedParts(db, upload.id);
    if (upload.etag === null) {
      const wanted = Math.ceil(upload.size / upload.partSize);
      if (parts.length !== wanted) {
        throw new ApiError("upload_incomplete", `${parts.length} of ${wanted} parts have arrived.`);
      }
      const { etag } = await completeMultipart(c.env.BUCKET, upload, parts);
      await withRetry(() => db.update(uploads).set({ etag }).where(eq(uploads.id, upload.id)));
      return c.json(toView({ ...upload, etag }, parts));
    }
    return c.json(toView(upload, parts));
  })

  .delete("/:id", async (c) => {
    const upload = await findUpload(c);
    if (!(await deleteUpload(database(c.env.DB), c.env.BUCKET, upload))) throw new ApiError("upload_in_use");
    return c.json({ message: "Upload deleted successfully" });
  });

/**
 * Deletes an upload that no job names. From the first statement on no job can name it any more; its row goes last,
 * so that the scheduled purge finds and finishes what is cut off here.
 *
 * @returns whether it is gone
 */
export async function deleteUpload(db: Database, bucket: R2Bucket, upload: UploadRow): Promise<boolean> {
  const unused = notExists(db.select({ one: sql`1` }).from(jobs).where(eq(jobs.uploadId, upload.id)));
  const row = eq(uploads.id, upload.id);
  await withRetry(() => db.update(uploads).set({ expiresAt: BEING_DELETED }).where(and(row, unused)));
  const left = await db.select({ id: uploads.id }).from(uploads).where(and(row, isThere()));
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

/** The condition that an upload is not about to be deleted. */
export function isThere(): SQL {
  return gt(uploads.expiresAt, BEING_DELETED);
}

/** The upload that a job names as its input; 404 or 409 when it is not there in full. */
export async function findCompletedUpload(db: Database, id: string): Promise<UploadRow> {
  const upload = await readUpload(db, id);
  if (upload === undefined) throw new ApiError("upload_not_found");
  if (upload.etag === null) throw new ApiError("upload_incomplete");
  return upload;
}

async function findUpload(c: Context<AppEnv>): Promise<UploadRow> {
  const upload = await readUpload(database(c.env.DB), c.req.param("id") ?? "");
  if (upload === undefined) throw new ApiError("upload_not_found");
  return upload;
}

async function readUpload(db: Database, id: string): Promise<UploadRow | undefined> {
  const [upload] = await db
    .select()
    .from(uploads)
    .where(and(eq(uploads.id, id), isThere()));
  return upload;
}

async function receivedParts(
  db: Database,
  uploadId: string,
): Promise<{ part_number: number; etag: string }[]> {
  return db
    .select({ part_number: uploadParts.partNumber, etag: uploadParts.etag })
    .from(uploadParts)
    .where(eq(uploadParts.uploadId, uploadId))
    .orderBy(asc(uploadParts.partNumber));
}

function toView(upload: UploadRow, received: readonly { part_number: number }[]): UploadView {
  return {
    upload_id: upload.id,
    status: upload.etag === null ? "open" : "completed",
    filename: upload.filename,
    size: upload.size,
    part_size: upload.partSize,
    parts: Math.ceil(upload.size / upload.partSize),
    received_parts: received.map((part) => part.part_number),
    created_at: offsetUtc(upload.createdAt),
    expires_at: offsetUtc(upload.expiresAt),
  };
}
