import {
  CompleteResultUpload,
  CreateResultUpload,
  FileName,
  MAX_PARTS,
  MAX_PREVIEW_BYTES,
  MAX_WHOLE_FILE_BYTES,
  type ResultFileStored,
  type ResultUploadCreated,
  SHA256_HEADER,
  Sha256Hex,
} from "@splatt/shared";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { database } from "../db/database.ts";
import type { ResultUploadRow, UploadRow } from "../db/schema.ts";
import type { Env } from "../env.ts";
import { objectResponse } from "../http/object-response.ts";
import { ApiError } from "../http/problem.ts";
import { numberParam, readJson, validate } from "../http/validate.ts";
import { previewKey, recordPreview } from "../jobs/preview.ts";
import { objectBytes } from "../storage/bytes-through-worker.ts";
import { joinUploads } from "../uploads/joined-uploads.ts";
import { completeMultipart, storePart } from "../uploads/multipart.ts";
import { createResultUpload, discardOpenUpload, recordObject } from "../uploads/result-uploads.ts";
import { uploadsOf } from "../uploads/upload-users.ts";
import { findCompletedUploads } from "../uploads/uploads.ts";
import { discardLateFile, nameWholeFile, rememberToSweep, type WholeFile } from "../uploads/whole-files.ts";
import { type LeaseAppEnv, requireLease, requireLeaseStill } from "./require-lease.ts";

const limitPreview = bodyLimit({
  maxSize: MAX_PREVIEW_BYTES,
  onError: () => {
    throw new ApiError("too_large", `A preview has at most ${MAX_PREVIEW_BYTES} bytes.`);
  },
});

/** The longest body is the list of a result's parts. */
const MAX_JSON_BYTES = 4 * 1024 * 1024;
const limitJson = bodyLimit({
  maxSize: MAX_JSON_BYTES,
  onError: () => {
    throw new ApiError("too_large");
  },
});

/** The agents' HTTPS API, under the fence of a job: download the input, upload results and previews. */
export const agentJobRoutes = new Hono<LeaseAppEnv>()
  .get("/:id/input", requireLease, async (c) => {
    const job = c.get("job");
    const [first, ...others] = await findCompletedUploads(database(c.env.DB), uploadsOf(job));
    if (first === undefined) throw new ApiError("upload_not_found");
    const { object, bytes } =
      others.length === 0 ? wholeUpload(c.env, first) : await joinUploads(c.env.BUCKET, [first, ...others]);
    const response = await objectResponse(bytes, object, c.req.raw);
    if (response === null) throw new ApiError("upload_not_found");
    return response;
  })

  .put("/:id/preview", requireLease, limitPreview, async (c) => {
    const job = c.get("job");
    const image = await c.req.arrayBuffer();
    await recordPreview(database(c.env.DB), job, image.byteLength);
    await c.env.BUCKET.put(previewKey(job.id), image);
    // If the job ended before the picture was put, ending it has not removed the picture.
    await requireLeaseStill(c).catch(async (error: unknown) => {
      await c.env.BUCKET.delete(previewKey(job.id));
      throw error;
    });
    return c.json({ size: image.byteLength });
  })

  .put("/:id/files/:filename", requireLease, async (c) => {
    const job = c.get("job");
    const db = database(c.env.DB);
    const file = wholeFile(c);
    const { uploadId, r2Key } = await nameWholeFile(job, file);
    await rememberToSweep(db, job.id);
    await objectBytes(c.env).receiveObject(r2Key, file, c.req.raw);
    await requireLeaseStill(c).catch(async (error: unknown) => {
      await discardLateFile(db, c.env.BUCKET, job, r2Key);
      throw error;
    });
    const stored: ResultFileStored = { upload_id: uploadId };
    return c.json(stored);
  })

  .post("/:id/uploads", requireLease, limitJson, async (c) => {
    const job = c.get("job");
    const { filename, size } = validate(CreateResultUpload, await readJson(c), "body");
    const db = database(c.env.DB);
    const upload = await createResultUpload(db, c.env.BUCKET, job, { filename, size });
    // If the job ended before the row was written, ending it has not discarded the upload.
    await requireLeaseStill(c).catch(async (error: unknown) => {
      await discardOpenUpload(db, c.env.BUCKET, upload);
      throw error;
    });
    const created: ResultUploadCreated = { upload_id: upload.id, part_size: upload.partSize };
    return c.json(created);
  })

  .put("/:id/uploads/:upload/parts/:number", requireLease, async (c) => {
    const upload = namedUpload(c);
    return c.json(await storePart(objectBytes(c.env), upload, numberParam(c, "number"), c.req.raw));
  })

  .post("/:id/uploads/:upload/complete", requireLease, limitJson, async (c) => {
    const upload = namedUpload(c);
    const { parts } = validate(CompleteResultUpload, await readJson(c, 4 * MAX_PARTS), "body");
    const etag = upload.etag ?? (await completeMultipart(c.env.BUCKET, upload, parts)).etag;
    if (!(await recordObject(database(c.env.DB), c.env.BUCKET, upload, etag)))
      throw new ApiError("stale_lease");
    return c.json({ upload_id: upload.id, etag, size: upload.size });
  });

/** An upload that is a job's whole input. */
function wholeUpload(env: Env, upload: UploadRow) {
  const { etag, createdAt: lastModified } = upload;
  const object = { ...upload, etag: etag ?? "", contentType: "application/octet-stream", lastModified };
  return { object, bytes: objectBytes(env) };
}

/** What the request says about the file that it brings. */
function wholeFile(c: Context<LeaseAppEnv>): WholeFile {
  const filename = validate(FileName, c.req.param("filename"), "path");
  const sha256 = validate(Sha256Hex, c.req.header(SHA256_HEADER), "header");
  const size = Number(c.req.header("content-length"));
  if (!Number.isInteger(size) || size < 1)
    throw new ApiError("part_size_mismatch", "The file's size is missing, or it is empty.");
  if (size > MAX_WHOLE_FILE_BYTES)
    throw new ApiError(
      "part_size_mismatch",
      `A file of more than ${MAX_WHOLE_FILE_BYTES} bytes is sent in parts.`,
    );
  return { filename, size, sha256 };
}

function namedUpload(c: Context<LeaseAppEnv>): ResultUploadRow {
  const upload = c.get("upload");
  if (upload === null) throw new ApiError("upload_not_found");
  return upload;
}
