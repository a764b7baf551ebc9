import { expectedPartSize, SHA256_HEADER, Sha256Hex, type UploadedPart } from "@splatt/shared";
import { ApiError } from "../http/problem.ts";
import { validate } from "../http/validate.ts";
import { errorText, log } from "../log.ts";
import { NO_SUCH_UPLOAD } from "../storage/bytes-through-worker.ts";
import type { ObjectBytes, PartRequest } from "../storage/object-bytes.ts";

/** An R2 multipart upload, as a row in D1 remembers it. */
export interface Multipart {
  readonly r2Key: string;
  readonly r2UploadId: string;
  readonly size: number;
  readonly partSize: number;
}

/**
 * Stores the request's body as one part and verifies its SHA-256 when the sender states it. A part that arrives
 * damaged is never returned, so it cannot become a part of the object.
 */
export async function storePart(
  bytes: ObjectBytes,
  upload: Multipart,
  partNumber: number,
  request: PartRequest,
): Promise<UploadedPart> {
  const expected = expectedPartSize(partNumber, upload.size, upload.partSize);
  const given = request.headers.get("content-length");
  if (expected === null) throw new ApiError("part_size_mismatch", `The file has no part ${partNumber}.`);
  if (given === null || Number(given) !== expected) {
    throw new ApiError(
      "part_size_mismatch",
      `Part ${partNumber} must have ${expected} bytes, not ${given ?? "?"}.`,
    );
  }
  const claimed = request.headers.get(SHA256_HEADER);
  const sha256 = claimed === null ? null : validate(Sha256Hex, claimed, "header");
  return bytes.receivePart(upload, { number: partNumber, size: expected, sha256 }, request);
}

/** R2's codes for parts that are too small, an upload or parts that it does not know, and a malformed list. */
const REFUSED = /\((10011|10024|10025|10048)\)/;

/**
 * Makes one object of the parts. Safe to repeat: when R2 no longer knows the upload because an earlier call
 * completed it and only its answer was lost, the object is there, under a key that no other upload has.
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
    // R2 is not well: whoever asked asks again, and the parts are still there.
    if (!REFUSED.test(errorText(error))) throw error;
    log("warn", "multipart upload could not be completed", { key: upload.r2Key, error: errorText(error) });
    throw new ApiError("upload_incomplete", "Storage refused to put the parts together; send them again.");
  }
}

/**
 * Drops the parts of an upload that nobody will complete. When R2 cannot be asked, that is for the caller to try again:
 * an upload that is still open can become an object that nobody knows of.
 */
export async function abortMultipart(
  bucket: R2Bucket,
  upload: Pick<Multipart, "r2Key" | "r2UploadId">,
): Promise<void> {
  try {
    await bucket.resumeMultipartUpload(upload.r2Key, upload.r2UploadId).abort();
  } catch (error) {
    if (!NO_SUCH_UPLOAD.test(errorText(error))) throw error;
    log("info", "multipart upload was not there to abort", { key: upload.r2Key });
  }
}
