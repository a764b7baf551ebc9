import type { UploadedPart } from "@splatt/shared";
import type { Database } from "../../db/database.ts";
import { ApiError } from "../../http/problem.ts";
import type { BodyAppender, Growth, PartRequest, Slice } from "../../storage/object-bytes.ts";
import type { UploadStores } from "../uploads.ts";
import type { UploadChecksum } from "./tus-headers.ts";
import {
  endTurn,
  piecesNoLongerUsed,
  recordGrowth,
  renewTurn,
  type Turn,
  type TusUpload,
  takeTurn,
} from "./tus-uploads.ts";

/** Slices without a byte after which a body counts as interrupted. */
const MAX_IDLE_SLICES = 20;

export interface BodyToReceive {
  readonly offset: number;
  readonly checksum: UploadChecksum | null;
  readonly request: PartRequest;
}

/**
 * Appends a request's body to an upload. What arrived before the body broke off stays; with a checksum, all of the body
 * is stored or nothing.
 *
 * @returns the upload's new offset
 * @throws ApiError
 */
export async function receiveBody(
  stores: UploadStores,
  { upload }: TusUpload,
  { offset, checksum, request }: BodyToReceive,
): Promise<number> {
  const { db, bucket } = stores;
  const turn: Turn = { uploadId: upload.id, writer: crypto.randomUUID() };
  const start = await takeTurn(db, turn, offset);
  let appender: BodyAppender | null = null;
  try {
    appender = stores.bytes.appendBody(upload, request, checksum?.algorithm ?? null);
    return checksum === null
      ? await storeEachSlice(db, bucket, turn, appender, start)
      : await storeVerified(db, bucket, turn, appender, start, checksum);
  } catch (error) {
    // Whoever has the turn now may have removed what this request was reading.
    if (!(error instanceof ApiError)) await renewTurn(db, turn);
    throw error;
  } finally {
    appender?.close();
    await endTurn(db, turn);
  }
}

/** Records each slice. A sender that pauses gives up its turn meanwhile, so that a dead connection blocks nobody. */
async function storeEachSlice(
  db: Database,
  bucket: R2Bucket,
  turn: Turn,
  appender: BodyAppender,
  start: Growth,
): Promise<number> {
  let stored = start;
  let idleSlices = 0;
  for (;;) {
    if (idleSlices > 0) {
      if (!(await appender.arrives())) {
        idleSlices += 1;
        if (idleSlices > MAX_IDLE_SLICES) throw new ApiError("request_timeout");
        continue;
      }
      await takeTurn(db, turn, stored.received);
    }
    const slice = await appender.next(stored);
    const isIdle = slice.growth.received === stored.received;
    if (!isIdle) {
      await recordGrowth(db, turn, stored, slice.growth, slice.parts);
      await deletePieces(bucket, stored, slice.growth);
      stored = slice.growth;
    }
    if (slice.end !== "none") return offsetAfter(slice.end, stored);
    idleSlices = isIdle ? 1 : 0;
    if (isIdle) await endTurn(db, turn);
  }
}

/** Records the body once all of it has come and is what the checksum says. */
async function storeVerified(
  db: Database,
  bucket: R2Bucket,
  turn: Turn,
  appender: BodyAppender,
  start: Growth,
  checksum: UploadChecksum,
): Promise<number> {
  let stored = start;
  const parts: UploadedPart[] = [];
  for (let idleSlices = 0; idleSlices <= MAX_IDLE_SLICES; ) {
    const slice = await appender.next(stored);
    idleSlices = slice.growth.received === stored.received ? idleSlices + 1 : 0;
    stored = slice.growth;
    parts.push(...slice.parts);
    if (slice.end === "none") {
      await renewTurn(db, turn);
      continue;
    }
    const offset = offsetAfter(slice.end, stored);
    if ((await appender.digest()) !== checksum.base64) throw new ApiError("tus_checksum_mismatch");
    if (offset > start.received) await recordGrowth(db, turn, start, stored, parts);
    await deletePieces(bucket, start, stored);
    return offset;
  }
  throw new ApiError("request_timeout");
}

function offsetAfter(end: Exclude<Slice["end"], "none">, { received }: Growth): number {
  if (end === "broken") throw new ApiError("body_incomplete");
  if (end === "too_long") throw new ApiError("too_large", "The body is longer than Upload-Length.");
  return received;
}

async function deletePieces(bucket: R2Bucket, before: Growth, after: Growth): Promise<void> {
  const keys = piecesNoLongerUsed(before.tail, after.tail);
  // One that stays goes with the upload.
  if (keys.length > 0) await bucket.delete(keys).catch(() => undefined);
}
