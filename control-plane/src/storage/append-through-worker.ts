import { MAX_PARTS, type UploadedPart } from "@splatt/shared";
import { isNoSuchUpload } from "../db/store-errors.ts";
import { ApiError } from "../http/problem.ts";
import { ChunkReader } from "./chunk-reader.ts";
import type {
  BodyAppender,
  DigestAlgorithm,
  GrowingUpload,
  Growth,
  PartRequest,
  Slice,
  TailPiece,
} from "./object-bytes.ts";

const MIB = 1024 * 1024;
/** Above R2's minimum of 5 MiB. Each body that arrives holds one part in memory. */
const MIN_PART_BYTES = 8 * MIB;
/** Of the 128 MiB that an isolate has. Joining a part with its tail takes the same once more. */
const MAX_BUFFERED_BYTES = 40 * MIB;
/** The interval at which a slow body is stored, which bounds what a broken connection loses. */
const SLICE_MS = 3000;
/** Pieces of a tail are merged beyond this, so that completing a part reads few objects. */
const MAX_TAIL_PIECES = 16;

let bufferedBytes = 0;

/** The smallest part size with which a file of `size` bytes fits into the parts that R2 allows. */
export function growingPartSize(size: number): number {
  return Math.max(MIN_PART_BYTES, Math.ceil(size / MAX_PARTS / MIB) * MIB);
}

/**
 * Appends a body to an R2 multipart upload. R2 takes parts of one size only, so bytes that do not fill a part when a
 * slice ends become an object of their own, a piece of the tail, until the rest of the part arrives.
 */
export function appendThroughWorker(
  bucket: R2Bucket,
  upload: GrowingUpload,
  { body, headers }: PartRequest,
  algorithm: DigestAlgorithm | null,
): BodyAppender {
  const expected = headers.get("content-length");
  const reserved = Math.min(upload.partSize, expected === null ? Number.POSITIVE_INFINITY : Number(expected));
  if (bufferedBytes + reserved > MAX_BUFFERED_BYTES) {
    throw new ApiError("unavailable", "Too many uploads are arriving at once.", { "retry-after": "2" });
  }
  bufferedBytes += reserved;
  let isOpen = true;

  const reader = new ChunkReader(body);
  const digest =
    algorithm === null ? null : new crypto.DigestStream(algorithm === "sha1" ? "SHA-1" : "SHA-256");
  const digestWriter = digest?.getWriter();

  async function storePart(number: number, bytes: Uint8Array): Promise<UploadedPart> {
    try {
      const part = await bucket
        .resumeMultipartUpload(upload.r2Key, upload.r2UploadId)
        .uploadPart(number, bytes);
      return { part_number: part.partNumber, etag: part.etag };
    } catch (error) {
      if (isNoSuchUpload(error)) throw new ApiError("upload_not_found");
      throw error;
    }
  }

  async function storePiece({ received, tail }: Growth, bytes: Uint8Array): Promise<readonly TailPiece[]> {
    const isMerged = tail.length >= MAX_TAIL_PIECES;
    const stored = isMerged ? await joinTail(bucket, tail, bytes) : bytes;
    const key = `${tailPrefix(upload.r2Key)}${received}-${crypto.randomUUID()}`;
    await bucket.put(key, stored);
    const piece = { key, size: stored.byteLength };
    return isMerged ? [piece] : [...tail, piece];
  }

  async function next(from: Growth): Promise<Slice> {
    const inTail = tailSize(from.tail);
    const partStart = from.received - inTail;
    const partBytes = Math.min(upload.partSize, upload.size - partStart);
    const room = partBytes - inTail;
    const late = AbortSignal.timeout(SLICE_MS);
    const { bytes, end: endOfBytes } = await reader.read(room, Math.min(room, reserved), late);
    await digestWriter?.write(bytes);

    const received = from.received + bytes.byteLength;
    const isWhole = received === upload.size && endOfBytes === "none";
    const end = isWhole ? await endAfterLastByte(reader, late) : endOfBytes;
    if (end === "too_long" || bytes.byteLength === 0) return { growth: from, parts: [], end };
    if (bytes.byteLength < room) {
      return { growth: { received, tail: await storePiece(from, bytes) }, parts: [], end };
    }
    const part = await storePart(partStart / upload.partSize + 1, await joinTail(bucket, from.tail, bytes));
    return { growth: { received, tail: [] }, parts: [part], end };
  }

  return {
    next,
    arrives: () => reader.arrives(AbortSignal.timeout(SLICE_MS)),
    async digest() {
      if (digest === null) throw new Error("no digest was asked for");
      await digestWriter?.close();
      return btoa(String.fromCharCode(...new Uint8Array(await digest.digest)));
    },
    close() {
      if (isOpen) bufferedBytes -= reserved;
      isOpen = false;
      reader.close();
    },
  };
}

/** Where the pieces of an upload's tail are kept. */
export function tailPrefix(r2Key: string): string {
  return `${r2Key.slice(0, r2Key.lastIndexOf("/"))}/tail/`;
}

/** All bytes of the file have come: the body has to end too. One that stays open has nothing more to say. */
async function endAfterLastByte(reader: ChunkReader, late: AbortSignal): Promise<Slice["end"]> {
  const { bytes, end } = await reader.read(1, 1, late);
  if (bytes.byteLength > 0) return "too_long";
  return end === "none" ? "body" : end;
}

async function joinTail(
  bucket: R2Bucket,
  tail: readonly TailPiece[],
  bytes: Uint8Array,
): Promise<Uint8Array> {
  if (tail.length === 0) return bytes;
  const joined = new Uint8Array(tailSize(tail) + bytes.byteLength);
  let at = 0;
  for (const { key, size } of tail) {
    const object = await bucket.get(key);
    const piece = object === null ? null : new Uint8Array(await object.arrayBuffer());
    if (piece?.byteLength !== size) throw new Error(`a piece of the tail is damaged: ${key}`);
    joined.set(piece, at);
    at += size;
  }
  joined.set(bytes, at);
  return joined;
}

function tailSize(tail: readonly TailPiece[]): number {
  return tail.reduce((sum, { size }) => sum + size, 0);
}
