import { Hono, type MiddlewareHandler } from "hono";
import type { ApiEnv, AppEnv } from "../../app-env.ts";
import { serve } from "../../contract/serve.ts";
import { database } from "../../db/database.ts";
import type { UploadRow } from "../../db/schema.ts";
import { ApiError } from "../../http/problem.ts";
import { idParam } from "../../http/validate.ts";
import { isRefusedByKey } from "../../keys/quota.ts";
import { objectBytes } from "../../storage/bytes-through-worker.ts";
import { abandonMultipart } from "../multipart.ts";
import { viewUpload } from "../upload-views.ts";
import { deleteUpload, openUpload, type UploadStores } from "../uploads.ts";
import {
  CREATE_TUS_UPLOAD,
  DELETE_TUS_UPLOAD,
  GET_TUS_UPLOAD,
  PATCH_TUS_UPLOAD,
  TUS_OPTIONS,
  TUS_UPLOAD_OPTIONS,
} from "./contract.ts";
import { receiveBody } from "./receive-body.ts";
import {
  APPEND_CONTENT_TYPE,
  parseUploadChecksum,
  parseUploadLength,
  parseUploadMetadata,
  parseUploadOffset,
  requireAppendContentType,
  requireTusVersion,
  TUS_OFFER,
  TUS_VERSION,
} from "./tus-headers.ts";
import {
  completeTusUpload,
  findTusUpload,
  offsetMismatch,
  offsetOf,
  recordTusUpload,
  type TusUpload,
} from "./tus-uploads.ts";

/** Names the version in every answer, refusals included. */
export const tusProtocol: MiddlewareHandler<AppEnv> = async (c, next) => {
  await next();
  c.header("tus-resumable", TUS_VERSION);
};

/** What the server offers. Public: clients ask without a key. */
export const tusOfferRoutes = new Hono<ApiEnv>()
  .options("/", serve(TUS_OPTIONS), (c) => c.body(null, 204, TUS_OFFER))
  .options("/:id", serve(TUS_UPLOAD_OPTIONS), (c) => c.body(null, 204, TUS_OFFER));

const versioned: MiddlewareHandler<ApiEnv> = async (c, next) => {
  requireTusVersion(c.req.raw.headers);
  await next();
};

/**
 * Uploads with tus 1.0, for Uppy, tus-js-client and the like. The last segment of an upload's URL is its `upload_id`.
 */
export const tusRoutes = new Hono<ApiEnv>()

  .post("/", serve(CREATE_TUS_UPLOAD), versioned, async (c) => {
    const { headers } = c.req.raw;
    const size = parseUploadLength(headers);
    const { filename, sha256, raw } = parseUploadMetadata(headers);
    const hasBody = headers.get("content-type") === APPEND_CONTENT_TYPE;
    if (hasBody) requireFits(headers, size);
    const checksum = hasBody ? parseUploadChecksum(headers) : null;
    const stores = storesOf(c.env);
    const partSize = stores.bytes.growingPartSize(size);
    const announced = { filename, size, sha256, protocol: "tus", partSize } as const;
    const upload = await openUpload(stores.bucket, c.get("principal"), announced);
    const tus = await recordTusUpload(stores.db, upload, raw).catch((error: unknown) => {
      // Only then is it certain that no row names it.
      if (isRefusedByKey(error)) c.executionCtx.waitUntil(abandonMultipart(stores.bucket, upload));
      throw error;
    });
    let offset = 0;
    if (hasBody) {
      const work = append(stores, { upload, tus }, { offset: 0, checksum, request: c.req.raw });
      c.executionCtx.waitUntil(work.catch(() => undefined));
      offset = await work;
    }
    return c.body(null, 201, {
      location: `/uploads/tus/${upload.id}`,
      "upload-offset": String(offset),
      ...expiry(upload),
    });
  })

  .get("/:id", serve(GET_TUS_UPLOAD), versioned, async (c) => {
    const stores = storesOf(c.env);
    const found = await findTusUpload(stores.db, idParam(c), c.get("principal"));
    // As when the request that brought the last byte was cut off.
    const isWhole = found.upload.etag === null && found.tus.received === found.upload.size;
    const upload = isWhole ? await completeTusUpload(stores, found.upload) : found.upload;
    return c.json(await viewUpload(stores.db, upload), 200, {
      "upload-offset": String(offsetOf(found)),
      "upload-length": String(found.upload.size),
      ...(found.tus.metadata !== null && { "upload-metadata": found.tus.metadata }),
      ...expiry(found.upload),
    });
  })

  .patch("/:id", serve(PATCH_TUS_UPLOAD), versioned, async (c) => {
    const { headers } = c.req.raw;
    requireAppendContentType(headers);
    const offset = parseUploadOffset(headers);
    const checksum = parseUploadChecksum(headers);
    const stores = storesOf(c.env);
    const found = await findTusUpload(stores.db, idParam(c), c.get("principal"));
    if (offset !== offsetOf(found)) throw offsetMismatch(offsetOf(found));
    requireFits(headers, found.upload.size - offset);
    let received = offset;
    if (found.upload.etag === null) {
      const work = append(stores, found, { offset, checksum, request: c.req.raw });
      // What has arrived is kept, although nobody waits for the answer any more.
      c.executionCtx.waitUntil(work.catch(() => undefined));
      received = await work;
    }
    return c.body(null, 204, { "upload-offset": String(received), ...expiry(found.upload) });
  })

  .delete("/:id", serve(DELETE_TUS_UPLOAD), versioned, async (c) => {
    const { bucket, db } = storesOf(c.env);
    const { upload } = await findTusUpload(db, idParam(c), c.get("principal"));
    if (!(await deleteUpload(db, bucket, upload, c.get("principal")))) throw new ApiError("upload_in_use");
    return c.body(null, 204);
  });

function storesOf(env: ApiEnv["Bindings"]): UploadStores {
  return { db: database(env.DB), bucket: env.BUCKET, bytes: objectBytes(env) };
}

async function append(
  stores: UploadStores,
  found: TusUpload,
  body: Parameters<typeof receiveBody>[2],
): Promise<number> {
  const received = await receiveBody(stores, found, body);
  if (received === found.upload.size) await completeTusUpload(stores, found.upload);
  return received;
}

/** A body that states its length is refused before it is sent. */
function requireFits(headers: Headers, left: number): void {
  if (Number(headers.get("content-length") ?? 0) <= left) return;
  throw new ApiError("too_large", `The body is longer than the ${left} bytes that are missing.`);
}

function expiry({ expiresAt }: UploadRow): Record<string, string> {
  return { "upload-expires": new Date(expiresAt).toUTCString() };
}
