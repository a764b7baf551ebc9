import { STORE_HEADER, StoredObjectInfo, StoreReply, type StoreRequest } from "./store-protocol.ts";

/** How R2 words the failures that the Worker distinguishes. */
const R2_ERRORS = {
  no_such_object: "The specified key does not exist. (10007)",
  no_such_upload: "The specified multipart upload does not exist. (10024)",
  invalid_part: "One or more of the specified parts could not be found. (10025)",
  checksum_mismatch: "The checksum does not match. (10037)",
  body_incomplete: "The body ended early. (10013)",
  body_too_slow: "The body arrived too slowly. (10013)",
  upload_busy: "Another request appends to the upload. (10058)",
  storage_full: "ENOSPC: no space left on the disk of the object store",
  storage_unwritable: "EROFS: the disk of the object store cannot be written",
} as const satisfies Record<Extract<StoreReply, { ok: false }>["failure"], string>;

/** Sends a request to the object store in the launcher's process. */
export async function askStore(store: Fetcher, request: StoreRequest): Promise<StoreReply> {
  return StoreReply.parse(await (await send(store, request, null)).json());
}

/** The R2 bucket of the embedded runtime: what the Worker uses of the binding, on the launcher's object store. */
export function localBucket(store: Fetcher): R2Bucket {
  const call = async (request: StoreRequest, body: BodyInit | null = null) => {
    const reply = StoreReply.parse(await (await send(store, request, body)).json());
    if (!reply.ok) throw new Error(`${request.op}: ${R2_ERRORS[reply.failure]}`);
    return reply;
  };

  const resumeMultipartUpload = (key: string, uploadId: string) => ({
    key,
    uploadId,
    async uploadPart(number: number, value: BodyInit) {
      const { etag = "" } = await call({ op: "uploadPart", key, uploadId, number }, value);
      return { partNumber: number, etag };
    },
    async complete(parts: R2UploadedPart[]) {
      const { object } = await call({ op: "completeUpload", key, uploadId, parts });
      return toR2Object(StoredObjectInfo.parse(object));
    },
    async abort() {
      await call({ op: "abortUpload", key, uploadId });
    },
  });

  const bucket = {
    async head(key: string) {
      const { object } = await call({ op: "head", key });
      return object === undefined ? null : toR2Object(object);
    },
    async get(key: string, options: { range?: { offset: number; length: number } } = {}) {
      const response = await send(store, { op: "get", key, range: options.range ?? null }, null);
      const description = response.headers.get(STORE_HEADER);
      if (description === null || response.body === null) return null;
      const object = toR2Object(StoredObjectInfo.parse(JSON.parse(decodeURIComponent(description))));
      return Object.assign(object, {
        body: response.body,
        bodyUsed: false,
        arrayBuffer: () => response.arrayBuffer(),
        bytes: () => response.bytes(),
        text: () => response.text(),
        json: <T>() => response.json<T>(),
        blob: () => response.blob(),
      });
    },
    async put(key: string, value: BodyInit | null) {
      const { object } = await call({ op: "put", key }, value);
      return toR2Object(StoredObjectInfo.parse(object));
    },
    async delete(keys: string | string[]) {
      await call({ op: "delete", keys: [keys].flat() });
    },
    async list({ prefix = "", cursor = "", limit = 1000 }: R2ListOptions = {}) {
      const { objects = [], truncated = false } = await call({ op: "list", prefix, after: cursor, limit });
      const found = objects.map(toR2Object);
      const last = objects.at(-1)?.key ?? "";
      return truncated
        ? { objects: found, delimitedPrefixes: [], truncated, cursor: last }
        : { objects: found, delimitedPrefixes: [], truncated };
    },
    async createMultipartUpload(key: string) {
      const { uploadId = "" } = await call({ op: "createUpload", key });
      return resumeMultipartUpload(key, uploadId);
    },
    resumeMultipartUpload,
  };
  // The binding's overloads for conditional requests and metadata are not offered, because the Worker uses none.
  return bucket as unknown as R2Bucket;
}

async function send(store: Fetcher, request: StoreRequest, body: BodyInit | null): Promise<Response> {
  // A key may hold any Unicode, a header only ASCII.
  const headers = { [STORE_HEADER]: encodeURIComponent(JSON.stringify(request)) };
  return store.fetch("http://object-store/", { method: "POST", headers, body });
}

function toR2Object({ key, size, etag, uploadedAt }: StoredObjectInfo): R2Object {
  return {
    key,
    size,
    etag,
    httpEtag: `"${etag}"`,
    version: etag,
    uploaded: new Date(uploadedAt),
    checksums: { toJSON: () => ({}) },
    storageClass: "Standard",
    writeHttpMetadata: () => undefined,
  };
}
