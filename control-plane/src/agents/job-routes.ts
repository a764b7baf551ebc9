import {
  CompleteResultUpload,
  CreateResultUpload,
  isTerminal,
  MAX_PREVIEW_BYTES,
  PART_SIZE_BYTES,
  type ResultUploadCreated,
} from "@splatt/shared";
import { and, eq } from "drizzle-orm";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { AgentAppEnv } from "../app-env.ts";
import { database, withRetry } from "../db/database.ts";
import { jobs, resultUploads, uploads } from "../db/schema.ts";
import type { Env } from "../env.ts";
import { requireAgent } from "../http/auth.ts";
import { objectResponse } from "../http/object-response.ts";
import { ApiError } from "../http/problem.ts";
import { readJson, validate } from "../http/validate.ts";
import { previewKey } from "../jobs/preview.ts";
import { abortMultipart, completeMultipart, storePart } from "../uploads/multipart.ts";
import { type LeasedJob, requireLease } from "./fence.ts";
import { noteObject, type ResultUploadRow } from "./result-object.ts";

/** What an agent does for a job over HTTPS, each request under the job's fence: read the input, send results. */
export const agentJobRoutes = new Hono<AgentAppEnv>()
  .use(requireAgent)

  .get("/:id/input", async (c) => {
    const job = await leasedJob(c);
    const [upload] = await database(c.env.DB)
      .select()
      .from(uploads)
      .where(eq(uploads.id, job.uploadId ?? ""));
    if (upload === undefined || upload.etag === null) throw new ApiError("upload_not_found");
    const stored = { ...upload, etag: upload.etag, contentType: "application/octet-stream" };
    const response = await objectResponse(c.env.BUCKET, stored, c.req.raw);
    if (response === null) throw new ApiError("upload_not_found");
    return response;
  })

  .put("/:id/preview", bodyLimit({ maxSize: MAX_PREVIEW_BYTES, onError: tooLarge }), async (c) => {
    const job = await leasedJob(c);
    const image = await c.req.arrayBuffer();
    await c.env.BUCKET.put(previewKey(job.id), image);
    // The job may have ended meanwhile; then whoever ended it has not seen the picture.
    await leasedJob(c).catch(async (error: unknown) => {
      await c.env.BUCKET.delete(previewKey(job.id));
      throw error;
    });
    return c.json({ size: image.byteLength });
  })

  .post("/:id/uploads", async (c) => {
    const job = await leasedJob(c);
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
    await leasedJob(c).catch(async (error: unknown) => {
      await abortMultipart(c.env.BUCKET, { r2Key, r2UploadId });
      await withRetry(() => db.delete(resultUploads).where(eq(resultUploads.id, id)));
      throw error;
    });
    const created: ResultUploadCreated = { upload_id: id, part_size: PART_SIZE_BYTES };
    return c.json(created);
  })

  .put("/:id/uploads/:upload/parts/:number", async (c) => {
    const { upload } = await leasedUpload(c);
    return c.json(await storePart(c.env.BUCKET, upload, Number(c.req.param("number")), c.req.raw));
  })

  .post("/:id/uploads/:upload/complete", async (c) => {
    const { upload } = await leasedUpload(c);
    const { parts } = validate(CompleteResultUpload, await readJson(c), "body");
    const etag = upload.etag ?? (await completeMultipart(c.env.BUCKET, upload, parts)).etag;
    if (!(await noteObject(database(c.env.DB), c.env.BUCKET, upload, etag)))
      throw new ApiError("stale_lease");
    return c.json({ upload_id: upload.id, etag, size: upload.size });
  });

function tooLarge(): never {
  throw new ApiError("too_large", `A preview has at most ${MAX_PREVIEW_BYTES} bytes.`);
}

async function leasedJob(c: Context<AgentAppEnv>): Promise<LeasedJob> {
  return requireLease(database(c.env.DB), c.get("agent"), c.req.param("id") ?? "", c.req.raw.headers);
}

/**
 * A stale fence also aborts the upload that it came with, if its attempt is over. While that goes on under a newer
 * lease, a late request of the old one must not take away what is still being sent.
 */
async function leasedUpload(c: Context<AgentAppEnv>): Promise<{ job: LeasedJob; upload: ResultUploadRow }> {
  const db = database(c.env.DB);
  const [upload] = await db
    .select()
    .from(resultUploads)
    .where(
      and(
        eq(resultUploads.id, c.req.param("upload") ?? ""),
        eq(resultUploads.jobId, c.req.param("id") ?? ""),
      ),
    );
  const job = await leasedJob(c).catch(async (error: unknown) => {
    if (error instanceof ApiError && upload !== undefined) await abortIfOver(c.env, upload);
    throw error;
  });
  if (upload === undefined || upload.attempt !== job.attempt) throw new ApiError("upload_not_found");
  return { job, upload };
}

async function abortIfOver(env: Env, upload: ResultUploadRow): Promise<void> {
  if (upload.etag !== null) return;
  const [job] = await database(env.DB)
    .select({ attempt: jobs.attempt, status: jobs.status })
    .from(jobs)
    .where(eq(jobs.id, upload.jobId));
  const goesOn = job?.attempt === upload.attempt && !isTerminal(job.status);
  if (!goesOn) await abortMultipart(env.BUCKET, upload);
}
