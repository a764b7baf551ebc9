import { CreateUpload, offsetUtc, type UploadView } from "@splatt/shared";
import { Hono } from "hono";
import type { ApiEnv } from "../app-env.ts";
import { serve } from "../contract/serve.ts";
import { database } from "../db/database.ts";
import { type UploadRow, uploads } from "../db/schema.ts";
import { ApiError } from "../http/problem.ts";
import { idParam, readJson, validate } from "../http/validate.ts";
import { objectBytes } from "../storage/bytes-through-worker.ts";
import { COMPLETE_UPLOAD, CREATE_UPLOAD, DELETE_UPLOAD, GET_UPLOAD, PUT_PART } from "./contract.ts";
import { abortMultipart, storePart } from "./multipart.ts";
import {
  completeUpload,
  deleteUpload,
  findUpload,
  openUpload,
  receivedParts,
  recordPart,
} from "./uploads.ts";

/** A client's video: announced, sent in parts straight into R2, then named as a job's `upload_id`. */
export const uploadRoutes = new Hono<ApiEnv>()
  .post("/", serve(CREATE_UPLOAD), async (c) => {
    const body = validate(CreateUpload, await readJson(c), "body");
    const upload = await openUpload(c.env.BUCKET, body);
    const insert = database(c.env.DB).insert(uploads).values(upload).onConflictDoNothing();
    const committed = await c.get("creation").commit([insert], c.json(toView(upload, [])));
    if (!committed.isNew) c.executionCtx.waitUntil(abortMultipart(c.env.BUCKET, upload));
    return committed.answer;
  })

  .get("/:id", serve(GET_UPLOAD), async (c) => {
    const db = database(c.env.DB);
    const upload = await findUpload(db, idParam(c));
    return c.json(toView(upload, await receivedParts(db, upload.id)));
  })

  .put("/:id/parts/:number", serve(PUT_PART), async (c) => {
    const db = database(c.env.DB);
    const upload = await findUpload(db, idParam(c));
    if (upload.etag !== null) throw new ApiError("upload_completed");
    const part = await storePart(objectBytes(c.env), upload, Number(c.req.param("number")), c.req.raw);
    await recordPart(db, upload.id, part);
    return c.json(part);
  })

  .post("/:id/complete", serve(COMPLETE_UPLOAD), async (c) => {
    const db = database(c.env.DB);
    const upload = await findUpload(db, idParam(c));
    const parts = await receivedParts(db, upload.id);
    return c.json(toView(await completeUpload(db, c.env.BUCKET, upload, parts), parts));
  })

  .delete("/:id", serve(DELETE_UPLOAD), async (c) => {
    const db = database(c.env.DB);
    const upload = await findUpload(db, idParam(c));
    if (!(await deleteUpload(db, c.env.BUCKET, upload))) throw new ApiError("upload_in_use");
    return c.json({ message: "Upload deleted successfully" });
  });

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
