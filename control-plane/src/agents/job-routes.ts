import {
  CompleteResultUpload,
  CreateResultUpload,
  MAX_PREVIEW_BYTES,
  PART_SIZE_BYTES,
  type ResultUploadCreated,
} from "@splatt/shared";
import { eq } from "drizzle-orm";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { database, withRetry } from "../db/database.ts";
import { resultUploads, uploads } from "../db/schema.ts";
import { objectResponse } from "../http/object-response.ts";
import { ApiError } from "../http/problem.ts";
import { readJson, validate } from "../http/validate.ts";
import { notePreview, previewKey } from "../jobs/preview.ts";
import { objectBytes } from "../storage/bytes-through-worker.ts";
import { abortMultipart, completeMultipart, storePart } from "../uploads/multipart.ts";
import { type LeaseAppEnv, requireLease, requireLeaseStill } from "./fence.ts";
import { noteObject, type ResultUploadRow } from "./result-object.ts";

const limitPreview = bodyLimit({
  maxSize: MAX_PREVIEW_BYTES,
  onError: () => {
    throw new ApiError("too_large", `A preview has at most ${MAX_PREVIEW_BYTES} bytes.`);
  },
});

/** The longest is the list of a result's parts. */
const MAX_JSON_BYTES = 4 * 1024 * 1024;
const limitJson = bodyLimit({
  maxSize: MAX_JSON_BYTES,
  onError: () => {
    throw new ApiError("too_large");
  },
});

/** What an agent does for a job over HTTPS, each request under the job's fence: read the input, send results. */
export const agentJobRoutes = new Hono<LeaseAppEnv>()
  .get("/:id/input", requireLease, async (c) => {
    const job = c.get("job");
    const [upload] = await database(c.env.DB)
      .select()
      .from(uploads)
      .where(eq(uploads.id, job.uploadId ?? ""));
    if (upload === undefined || upload.etag === null) throw new ApiError("upload_not_found");
    const stored = {
      ...upload,
      etag: upload.etag,
      contentType: "application/octet-stream",
      lastModified: upload.createdAt,
    };
    const response = await objectResponse(objectBytes(c.env), stored, c.req.raw);
    if (response === null) throw new ApiError("upload_not_found");
    return response;
  })

  .put("/:id/preview", requireLease, limitPreview, async (c) => {
    const job = c.get("job");
    const image = await c.req.arrayBuffer();
    await notePreview(database(c.env.DB), job, image.byteLength);
    await c.env.BUCKET.put(previewKey(job.id), image);
    // The job may have ended meanwhile; then whoever ended it has not seen the picture.
    await requireLeaseStill(c).catch(async (error: unknown) => {
      await c.env.BUCKET.delete(previewKey(job.id));
      throw error;
    });
    return c.json({ size: image.byteLength });
  })

  .post("/:id/uploads", requireLease, limitJson, async (c) => {
    const job = c.get("job");
    const { filename, size } = validate(CreateResultUpload, await readJson(c), "body");
    const id = crypto.randomUUID();
    const r2Key = `jobs/${job.id}/${job.attempt}/${id}/${filename}`;
    const { uploadId: r2UploadId } = await c.env.BUCKET.createMultipartUpload(r2Key);
    const db = database(c.env.DB);
    await withRetry(() =>
      db
        .insert(resultUploads)
        .values({
          id,
          jobId: job.id,
          attempt: job.attempt,
          filename,
          size,
          partSize: PART_SIZE_BYTES,
          r2Key,
          r2UploadId,
          createdAt: Date.now(),
        })
        .onConflictDoNothing(),
    );
    // The job may have ended while the row was made; then whoever ended it has not seen the row.
    await requireLeaseStill(c).catch(async (error: unknown) => {
      await abortMultipart(c.env.BUCKET, { r2Key, r2UploadId });
      await withRetry(() => db.delete(resultUploads).where(eq(resultUploads.id, id)));
      throw error;
    });
    const created: ResultUploadCreated = { upload_id: id, part_size: PART_SIZE_BYTES };
    return c.json(created);
  })

  .put("/:id/uploads/:upload/parts/:number", requireLease, async (c) => {
    const upload = namedUpload(c);
    return c.json(await storePart(objectBytes(c.env), upload, Number(c.req.param("number")), c.req.raw));
  })

  .post("/:id/uploads/:upload/complete", requireLease, limitJson, async (c) => {
    const upload = namedUpload(c);
    const { parts } = validate(CompleteResultUpload, await readJson(c), "body");
    const etag = upload.etag ?? (await completeMultipart(c.env.BUCKET, upload, parts)).etag;
    if (!(await noteObject(database(c.env.DB), c.env.BUCKET, upload, etag)))
      throw new ApiError("stale_lease");
    return c.json({ upload_id: upload.id, etag, size: upload.size });
  });

function namedUpload(c: Context<LeaseAppEnv>): ResultUploadRow {
  const upload = c.get("upload");
  if (upload === null) throw new ApiError("upload_not_found");
  return upload;
}
