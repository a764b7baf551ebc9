import {
  CreateUpload,
  ListUploadsQuery,
  PART_SIZE_BYTES,
  type UploadList,
  type UploadPartList,
} from "@splatt/shared";
import { Hono } from "hono";
import type { ApiEnv } from "../app-env.ts";
import { serve } from "../contract/serve.ts";
import { database } from "../db/database.ts";
import { uploads } from "../db/schema.ts";
import { ApiError } from "../http/problem.ts";
import { idParam, numberParam, readJson, readQuery, validate } from "../http/validate.ts";
import { isRefusedByKey } from "../keys/quota.ts";
import { objectBytes } from "../storage/bytes-through-worker.ts";
import {
  COMPLETE_UPLOAD,
  CREATE_UPLOAD,
  DELETE_UPLOAD,
  GET_UPLOAD,
  LIST_UPLOAD_PARTS,
  LIST_UPLOADS,
  PUT_PART,
} from "./contract.ts";
import { abandonMultipart, storePart } from "./multipart.ts";
import { receivedOf } from "./received-parts.ts";
import { toSummary, toView, viewUpload } from "./upload-views.ts";
import { completeUpload, deleteUpload, findUpload, listUploads, openUpload, recordPart } from "./uploads.ts";

/** A client's video: announced, sent in parts straight into R2, then named as a job's `upload_id`. */
export const uploadRoutes = new Hono<ApiEnv>()
  .post("/", serve(CREATE_UPLOAD), async (c) => {
    const body = validate(CreateUpload, await readJson(c), "body");
    const announced = { ...body, protocol: "parts", partSize: PART_SIZE_BYTES } as const;
    const upload = await openUpload(c.env.BUCKET, c.get("principal"), announced);
    const insert = database(c.env.DB).insert(uploads).values(upload).onConflictDoNothing();
    const abandon = () => c.executionCtx.waitUntil(abandonMultipart(c.env.BUCKET, upload));
    try {
      const { answer, isNew } = await c.get("creation").commit([insert], c.json(toView(upload, [], 0)));
      if (!isNew) abandon();
      return answer;
    } catch (error) {
      // Only then is it certain that no row names it.
      if (isRefusedByKey(error)) abandon();
      throw error;
    }
  })

  .get("/", serve(LIST_UPLOADS), async (c) => {
    const { page, nextCursor } = await listUploads(
      database(c.env.DB),
      c.get("principal"),
      validate(ListUploadsQuery, readQuery(c), "query"),
    );
    const list: UploadList = {
      uploads: page.map(toSummary),
      next_cursor: nextCursor,
    };
    return c.json(list);
  })

  .get("/:id", serve(GET_UPLOAD), async (c) => {
    const db = database(c.env.DB);
    return c.json(await viewUpload(db, await findUpload(db, idParam(c), c.get("principal"))));
  })

  .get("/:id/parts", serve(LIST_UPLOAD_PARTS), async (c) => {
    const db = database(c.env.DB);
    const upload = await findUpload(db, idParam(c), c.get("principal"));
    const { parts } = await receivedOf(db, upload);
    const list: UploadPartList = {
      parts: parts.map(({ part_number, size, sha256 }) => ({ part_number, size, sha256 })),
    };
    return c.json(list);
  })

  .put("/:id/parts/:number", serve(PUT_PART), async (c) => {
    const db = database(c.env.DB);
    const upload = await findUpload(db, idParam(c), c.get("principal"));
    if (upload.etag !== null) throw new ApiError("upload_completed");
    if (upload.protocol !== "parts") throw new ApiError("upload_protocol_mismatch");
    const part = await storePart(objectBytes(c.env), upload, numberParam(c, "number"), c.req.raw);
    await recordPart(db, upload.id, part);
    return c.json({ part_number: part.part_number, etag: part.etag });
  })

  .post("/:id/complete", serve(COMPLETE_UPLOAD), async (c) => {
    const db = database(c.env.DB);
    const upload = await findUpload(db, idParam(c), c.get("principal"));
    const { parts } = await receivedOf(db, upload);
    const stores = { db, bucket: c.env.BUCKET, bytes: objectBytes(c.env) };
    const completed = await completeUpload(stores, upload, parts);
    return c.json(toView(completed, parts, completed.size));
  })

  .delete("/:id", serve(DELETE_UPLOAD), async (c) => {
    const db = database(c.env.DB);
    const upload = await findUpload(db, idParam(c), c.get("principal"));
    if (!(await deleteUpload(db, c.env.BUCKET, upload, c.get("principal"))))
      throw new ApiError("upload_in_use");
    return c.json({ message: "Upload deleted successfully" });
  });
