import { FileName, MAX_UPLOAD_BYTES, Sha256Hex } from "@splatt/shared";
import { ApiError } from "../../http/problem.ts";
import type { DigestAlgorithm } from "../../storage/object-bytes.ts";

/** The headers of tus 1.0 (https://tus.io/protocols/resumable-upload). */

export const TUS_VERSION = "1.0.0";
export const APPEND_CONTENT_TYPE = "application/offset+octet-stream";
const MAX_METADATA_BYTES = 8192;

/** What this server offers, in answer to OPTIONS. */
export const TUS_OFFER = {
  "tus-version": TUS_VERSION,
  "tus-extension": "creation,creation-with-upload,expiration,checksum,termination",
  "tus-max-size": String(MAX_UPLOAD_BYTES),
  "tus-checksum-algorithm": "sha256,sha1",
} as const;

const DIGEST_BYTES: Readonly<Record<DigestAlgorithm, number>> = { sha1: 20, sha256: 32 };

/** @throws ApiError 412 unless the client speaks our version */
export function requireTusVersion(headers: Headers): void {
  if (headers.get("tus-resumable") === TUS_VERSION) return;
  throw new ApiError("tus_version_unsupported", undefined, { "tus-version": TUS_VERSION });
}

/** The size of the file. @throws ApiError 400 or 413 */
export function parseUploadLength(headers: Headers): number {
  if (headers.has("upload-defer-length")) {
    throw invalid("Upload-Defer-Length is not supported: state the file's size in Upload-Length.");
  }
  if (headers.has("upload-concat"))
    throw invalid("Upload-Concat is not supported: send one upload per file.");
  const length = parseBytes(headers, "Upload-Length");
  if (length === 0) throw invalid("Upload-Length is 0: an empty file is not a video.");
  if (length <= MAX_UPLOAD_BYTES) return length;
  const detail = `The file is larger than ${MAX_UPLOAD_BYTES} bytes.`;
  throw new ApiError("too_large", detail, { "tus-max-size": String(MAX_UPLOAD_BYTES) });
}

/** Where the client continues. @throws ApiError 400 */
export function parseUploadOffset(headers: Headers): number {
  return parseBytes(headers, "Upload-Offset");
}

/** @throws ApiError 415 unless the body is bytes to append */
export function requireAppendContentType(headers: Headers): void {
  if (headers.get("content-type") === APPEND_CONTENT_TYPE) return;
  throw new ApiError("unsupported_media_type", `The body must be ${APPEND_CONTENT_TYPE}.`);
}

export interface UploadMetadata {
  readonly filename: string;
  readonly sha256: string | null;
  /** As the client sent it, to be returned as it is. */
  readonly raw: string | null;
}

/**
 * `filename` (Uppy: `name`) and `sha256` of Upload-Metadata; other keys are only kept.
 *
 * @throws ApiError 400
 */
export function parseUploadMetadata(headers: Headers): UploadMetadata {
  const raw = headers.get("upload-metadata");
  const values = new Map<string, string>();
  if (raw !== null && raw.length > MAX_METADATA_BYTES) throw invalid("Upload-Metadata is too long.");
  for (const pair of raw?.split(",") ?? []) {
    const [key = "", value = "", ...rest] = pair.trim().split(" ");
    if (key === "" && raw?.trim() === "") break;
    if (key === "" || rest.length > 0)
      throw invalid("Upload-Metadata must be pairs of a key and a base64 value.");
    if (values.has(key)) throw invalid(`Upload-Metadata has the key ${key} twice.`);
    values.set(key, decodeMetadata(key, value));
  }
  const filename = FileName.safeParse(values.get("filename") ?? values.get("name") ?? "video");
  if (!filename.success) throw invalid(`Upload-Metadata: filename ${filename.error.issues[0]?.message}.`);
  const sha256 = Sha256Hex.nullable().safeParse(values.get("sha256") ?? null);
  if (!sha256.success) throw invalid("Upload-Metadata: sha256 must be 64 hex digits.");
  return { filename: filename.data, sha256: sha256.data, raw };
}

export interface UploadChecksum {
  readonly algorithm: DigestAlgorithm;
  readonly base64: string;
}

/** The checksum of the request's body, or null. @throws ApiError 400 */
export function parseUploadChecksum(headers: Headers): UploadChecksum | null {
  const header = headers.get("upload-checksum");
  if (header === null) return null;
  const [algorithm = "", base64 = "", ...rest] = header.split(" ");
  if (algorithm !== "sha1" && algorithm !== "sha256") {
    throw invalid("Upload-Checksum: the algorithm must be sha256 or sha1.");
  }
  if (rest.length > 0 || decodeBase64(base64)?.byteLength !== DIGEST_BYTES[algorithm]) {
    throw invalid(`Upload-Checksum: the value must be a ${algorithm} digest in base64.`);
  }
  return { algorithm, base64 };
}

/** Nothing but the digits of a whole number: `Number` would take `1e3`, `0x10` and blanks. */
function parseBytes(headers: Headers, name: string): number {
  const header = headers.get(name);
  if (header === null) throw invalid(`${name} is missing.`);
  const bytes = /^\d{1,16}$/.test(header) ? Number(header) : Number.NaN;
  if (!Number.isSafeInteger(bytes)) throw invalid(`${name} must be a number of bytes.`);
  return bytes;
}

function decodeMetadata(key: string, value: string): string {
  const bytes = decodeBase64(value);
  if (bytes === null) throw invalid(`Upload-Metadata: the value of ${key} must be base64.`);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch {
    // Only texts that this server reads have to be UTF-8.
    if (key === "filename" || key === "name" || key === "sha256") {
      throw invalid(`Upload-Metadata: the value of ${key} must be UTF-8.`);
    }
    return "";
  }
}

function decodeBase64(text: string): Uint8Array | null {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null;
  try {
    return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  } catch {
    return null;
  }
}

function invalid(detail: string): ApiError {
  return new ApiError("tus_request_invalid", detail);
}
