import { z } from "zod";

/**
 * What the Worker asks of the object store of the embedded runtime, which lives in the launcher's process. A request
 * travels in a header, so that the body is free for the bytes of `put` and `uploadPart`.
 */

/** Carries a request to the store, and the object's description in the answer to `get`. */
export const STORE_HEADER = "x-splatt-store";
/** Names the client's connection whose bytes the front door moves. Set by the front door, on each request. */
export const TRANSFER_HEADER = "x-splatt-transfer";
/** Proves that a request comes from the front door. */
export const DOOR_SECRET_HEADER = "x-splatt-door";
/** The Content-Length of a body that the front door holds back until the Worker asks for it, or `UNKNOWN_LENGTH`. */
export const HELD_LENGTH_HEADER = "x-splatt-held-length";
export const UNKNOWN_LENGTH = "unknown";
/** The state of the disk, as JSON; absent while it works. */
export const STORAGE_STATE_HEADER = "x-splatt-storage";
/** The API key whose webhook is sent; empty for the bootstrap key. */
export const OUTBOUND_KEY_HEADER = "x-splatt-outbound-key";
/** Why a webhook could not be sent; in the launcher's answer to it. */
export const OUTBOUND_ERROR_HEADER = "x-splatt-outbound-error";

const Range = z.object({ offset: z.int().nonnegative(), length: z.int().positive() });
const Part = z.object({ partNumber: z.int().positive(), etag: z.string() });

export const StoreRequest = z.discriminatedUnion("op", [
  z.object({ op: z.literal("head"), key: z.string() }),
  z.object({ op: z.literal("get"), key: z.string(), range: Range.nullable() }),
  z.object({ op: z.literal("put"), key: z.string() }),
  z.object({ op: z.literal("delete"), keys: z.array(z.string()) }),
  z.object({ op: z.literal("list"), prefix: z.string(), after: z.string(), limit: z.int().positive() }),
  z.object({ op: z.literal("sha256"), key: z.string() }),
  z.object({ op: z.literal("createUpload"), key: z.string() }),
  z.object({
    op: z.literal("uploadPart"),
    key: z.string(),
    uploadId: z.string(),
    number: z.int().positive(),
  }),
  z.object({ op: z.literal("completeUpload"), key: z.string(), uploadId: z.string(), parts: z.array(Part) }),
  z.object({ op: z.literal("abortUpload"), key: z.string(), uploadId: z.string() }),
  /** The front door answers the client of `transfer` with the bytes of an object. */
  z.object({ op: z.literal("send"), transfer: z.string(), key: z.string(), range: Range.nullable() }),
  /** The front door stores the body that the client of `transfer` sends. */
  z.object({
    op: z.literal("receivePart"),
    transfer: z.string(),
    key: z.string(),
    uploadId: z.string(),
    number: z.int().positive(),
    size: z.int().positive(),
    sha256: z.string().nullable(),
  }),
  /** The front door stores the body that the client of `transfer` sends, as an object. */
  z.object({
    op: z.literal("receiveObject"),
    transfer: z.string(),
    key: z.string(),
    size: z.int().positive(),
    sha256: z.string(),
  }),
  /** The front door appends what the client of `transfer` sends next. */
  z.object({
    op: z.literal("append"),
    transfer: z.string(),
    key: z.string(),
    uploadId: z.string(),
    /** Where the upload continues. */
    offset: z.int().nonnegative(),
    /** The size of the whole file. */
    size: z.int().positive(),
    algorithm: z.enum(["sha1", "sha256"]).nullable(),
  }),
  /** Whether the client of `transfer` has sent anything, or ended. */
  z.object({
    op: z.literal("awaitBody"),
    transfer: z.string(),
    algorithm: z.enum(["sha1", "sha256"]).nullable(),
  }),
]);
export type StoreRequest = z.infer<typeof StoreRequest>;

export const StoredObjectInfo = z.object({
  key: z.string(),
  size: z.int().nonnegative(),
  etag: z.string(),
  /** Milliseconds since the epoch. */
  uploadedAt: z.int(),
});
export type StoredObjectInfo = z.infer<typeof StoredObjectInfo>;

export const StoreFailure = z.enum([
  "no_such_object",
  "no_such_upload",
  "invalid_part",
  "checksum_mismatch",
  "body_incomplete",
  "body_too_slow",
  "upload_busy",
  "storage_full",
  "storage_unwritable",
]);
export type StoreFailure = z.infer<typeof StoreFailure>;

export const AppendedSlice = z.object({
  /** Bytes of the upload that are stored now. */
  received: z.int().nonnegative(),
  etag: z.string(),
  end: z.enum(["none", "body", "broken", "too_long"]),
  /** Of all slices of the body, base64, where it was asked for. */
  digest: z.string().nullable(),
});
export type AppendedSlice = z.infer<typeof AppendedSlice>;

export const StoreReply = z.discriminatedUnion("ok", [
  z.object({
    ok: z.literal(true),
    object: StoredObjectInfo.optional(),
    objects: z.array(StoredObjectInfo).optional(),
    truncated: z.boolean().optional(),
    uploadId: z.string().optional(),
    etag: z.string().optional(),
    /** Lower-case hex. */
    sha256: z.string().optional(),
    appended: AppendedSlice.optional(),
    hasArrived: z.boolean().optional(),
  }),
  z.object({ ok: z.literal(false), failure: StoreFailure }),
]);
export type StoreReply = z.infer<typeof StoreReply>;
