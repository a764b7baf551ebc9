import { expectedPartSize, SHA256_HEADER, Sha256Hex, type UploadedPart } from "@splatt/shared";
import { isCompletionRefused, isNoSuchUpload } from "../db/store-errors.ts";
import { ApiError } from "../http/problem.ts";
import { validate } from "../http/validate.ts";
import { log } from "../log.ts";
import type { ObjectBytes, PartRequest } from "../storage/object-bytes.ts";

/** An R2 multipart upload, as a row in D1 remembers it. */
export interface Multipart {
  readonly r2Key: string;
  readonly r2UploadId: string;
  readonly size: number;
  readonly partSize: number;
}

/**
 * Stores the request's body as one part, and verifies its SHA-256 when the sender states one. A damaged part is never
 * returned, so it cannot become part of the object.
 */
export async function storePart(
  bytes: ObjectBytes,
  upload: Multipart,
  partNumber: number | null,
  request: PartRequest,
): Promise<UploadedPart & { readonly sha256: string | null }> {
  const expected = partNumber === null ? null : expectedPartSize(partNumber, upload.size, upload.partSize);
  const given = request.headers.get("content-length");
  if (partNumber === null || expected === null)
    throw new ApiError("part_size_mismatch", "The file has no part of this number.");
  if (given === null || Number(given) !== expected) {
    throw new ApiError(
      "part_size_mismatch",
      `Part ${partNumber} must have ${expected} bytes, not ${given ?? "?"}.`,
    );
  }
  const claimed = request.headers.get(SHA256_HEADER);
  const sha256 = claimed === null ? null : validate(Sha256Hex, claimed, "header");
  const part = await bytes.receivePart(upload, { number: partNumber, size: expected, sha256 }, request);
  return { ...part, sha256 };
}

/**
 * Assembles the parts into one object. Safe to repeat: when an earlier call completed the upload and its answer was
 * lost, R2 no longer knows the upload, but the object exists under a key that no other upload has.
 */
export async function completeMultipart(
  bucket: R2Bucket,
  upload: Multipart,
  parts: readonly UploadedPart[],
): Promise<{ etag: string }> {
  const sorted = parts
    .map((part) => ({ partNumber: part.part_number, etag: part.etag }))
    .toSorted((a, b) => a.partNumber - b.partNumber);
  try {
    const object = await bucket.resumeMultipartUpload(upload.r2Key, upload.r2UploadId).complete(sorted);
    return { etag: object.etag };
  } catch (error) {
    const existing = await bucket.head(upload.r2Key);
    if (existing?.size === upload.size) return { etag: existing.etag };
    // R2 itself failed: the parts are still there, and the caller can retry.
    if (!isCompletionRefused(error)) throw error;
    log("warn", "multipart upload not completed", { key: upload.r2Key }, error);
    throw new ApiError("upload_incomplete", "Storage refused to put the parts together; send them again.");
  }
}

/**
 * Drops the parts of an upload that nobody will complete.
 *
 * @throws when R2 fails: an upload that stays open can still become an object, so the caller has to retry
 */
export async function abortMultipart(
  bucket: R2Bucket,
  upload: Pick<Multipart, "r2Key" | "r2UploadId">,
): Promise<void> {
  try {
    await bucket.resumeMultipartUpload(upload.r2Key, upload.r2UploadId).abort();
  } catch (error) {
    if (!isNoSuchUpload(error)) throw error;
    log("info", "multipart upload was already gone", { key: upload.r2Key });
  }
}

/** Like `abortMultipart`, for an upload without a row: R2 drops it after a week where this fails. */
export async function abandonMultipart(
  bucket: R2Bucket,
  upload: Pick<Multipart, "r2Key" | "r2UploadId">,
): Promise<void> {
  try {
    await abortMultipart(bucket, upload);
  } catch (error) {
    log("warn", "multipart upload not aborted; the store drops it later", { key: upload.r2Key }, error);
  }
}
