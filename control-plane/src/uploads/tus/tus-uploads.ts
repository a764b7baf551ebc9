import type { UploadedPart } from "@splatt/shared";
import { and, eq, exists, isNull, lt, or, type SQL, sql } from "drizzle-orm";
import { type Database, withRetry } from "../../db/database.ts";
import { type TusUploadRow, tusUploads, type UploadRow, uploadParts, uploads } from "../../db/schema.ts";
import { ApiError } from "../../http/problem.ts";
import { log } from "../../log.ts";
import type { Growth, TailPiece } from "../../storage/object-bytes.ts";
import { receivedOf } from "../received-parts.ts";
import {
  completeUpload,
  deleteTail,
  isPresent,
  isVisibleTo,
  type UploadOwner,
  type UploadStores,
} from "../uploads.ts";

/**
 * The rows of uploads that grow. One request at a time may append: it is the row's `writer`, and every change names it
 * and the offset that it starts from. A writer that stops renewing its turn loses it.
 */

const WRITER_TURN_MS = 10_000;

export interface TusUpload {
  readonly upload: UploadRow;
  readonly tus: TusUploadRow;
}

/** The turn of the request that may append. */
export interface Turn {
  readonly uploadId: string;
  readonly writer: string;
}

/** Records an upload that was opened in the bucket. */
export async function recordTusUpload(
  db: Database,
  upload: UploadRow,
  metadata: string | null,
): Promise<TusUploadRow> {
  const tus = { uploadId: upload.id, received: 0, tail: [], metadata, writer: null, writerUntil: null };
  await withRetry(() =>
    db.batch([
      db.insert(uploads).values(upload).onConflictDoNothing(),
      db.insert(tusUploads).values(tus).onConflictDoNothing(),
    ]),
  );
  return tus;
}

/** @throws ApiError 404 when there is no such upload, or it was begun with parts */
export async function findTusUpload(db: Database, id: string, principal: UploadOwner): Promise<TusUpload> {
  const [found] = await db
    .select({ upload: uploads, tus: tusUploads })
    .from(uploads)
    .innerJoin(tusUploads, eq(tusUploads.uploadId, uploads.id))
    .where(and(eq(uploads.id, id), isPresent(), isVisibleTo(principal)));
  if (found === undefined) throw new ApiError("upload_not_found");
  return found;
}

/** The offset at which the client continues. */
export function offsetOf({ upload, tus }: TusUpload): number {
  return upload.etag === null ? tus.received : upload.size;
}

/** @throws ApiError 409 when the upload continues elsewhere, 423 while another request appends */
export async function takeTurn(db: Database, { uploadId, writer }: Turn, offset: number): Promise<Growth> {
  const now = Date.now();
  const isFree = or(
    isNull(tusUploads.writer),
    lt(tusUploads.writerUntil, now),
    eq(tusUploads.writer, writer),
  );
  const [taken] = await withRetry(() =>
    db
      .update(tusUploads)
      .set({ writer, writerUntil: now + WRITER_TURN_MS })
      .where(and(eq(tusUploads.uploadId, uploadId), eq(tusUploads.received, offset), isFree))
      .returning({ received: tusUploads.received, tail: tusUploads.tail }),
  );
  if (taken !== undefined) return taken;
  const [row] = await db.select().from(tusUploads).where(eq(tusUploads.uploadId, uploadId));
  if (row === undefined) throw new ApiError("upload_not_found");
  if (row.received !== offset) throw offsetMismatch(row.received);
  throw new ApiError("upload_locked", undefined, { "retry-after": "1" });
}

/** @throws ApiError 423 when the turn was lost */
export async function renewTurn(db: Database, turn: Turn): Promise<void> {
  const renewed = await withRetry(() =>
    db
      .update(tusUploads)
      .set({ writerUntil: Date.now() + WRITER_TURN_MS })
      .where(holds(turn))
      .returning({ id: tusUploads.uploadId }),
  );
  if (renewed.length === 0) throw new ApiError("upload_locked");
}

export async function endTurn(db: Database, turn: Turn): Promise<void> {
  await withRetry(() => db.update(tusUploads).set({ writer: null, writerUntil: null }).where(holds(turn)));
}

/**
 * Records what was stored, and renews the turn.
 *
 * @throws ApiError 423 when the turn was lost, and then nothing is recorded
 */
export async function recordGrowth(
  db: Database,
  turn: Turn,
  from: Growth,
  to: Growth,
  parts: readonly UploadedPart[],
): Promise<void> {
  const { uploadId } = turn;
  const stillOurs = and(holds(turn), eq(tusUploads.received, from.received)) as SQL;
  const rows = db
    .select({
      uploadId: sql<string>`${uploadId}`.as("upload_id"),
      partNumber: sql<number>`value ->> 'part_number'`.as("part_number"),
      etag: sql<string>`value ->> 'etag'`.as("etag"),
      sha256: sql<null>`NULL`.as("sha256"),
    })
    .from(sql`json_each(${JSON.stringify(parts)})`);
  const [, updated] = await withRetry(() =>
    db.batch([
      db
        .insert(uploadParts)
        .select(rows.where(exists(db.select({ one: sql`1` }).from(tusUploads).where(stillOurs))))
        .onConflictDoUpdate({
          target: [uploadParts.uploadId, uploadParts.partNumber],
          set: { etag: sql`excluded.etag` },
        }),
      db
        .update(tusUploads)
        .set({ received: to.received, tail: to.tail, writerUntil: Date.now() + WRITER_TURN_MS })
        .where(stillOurs)
        .returning({ received: tusUploads.received }),
    ]),
  );
  if (updated.length > 0) return;
  // The reply to an earlier try may have been lost.
  const [row] = await db.select().from(tusUploads).where(holds(turn));
  if (row?.received !== to.received) throw new ApiError("upload_locked");
}

/** The pieces of a tail that a later one no longer needs. */
export function piecesNoLongerUsed(before: readonly TailPiece[], after: readonly TailPiece[]): string[] {
  const used = new Set(after.map(({ key }) => key));
  return before.map(({ key }) => key).filter((key) => !used.has(key));
}

/**
 * Makes the video of an upload that has all its bytes. When the store refuses to put the parts together, because one
 * was overwritten by a request that had lost its turn, the upload begins again at 0.
 */
export async function completeTusUpload(stores: UploadStores, upload: UploadRow): Promise<UploadRow> {
  const { db, bucket } = stores;
  try {
    // All bytes are in parts now. First, because an upload that is complete is not looked at again.
    await deleteTail(bucket, upload);
    return await completeUpload(stores, upload, (await receivedOf(db, upload)).parts);
  } catch (error) {
    if (error instanceof ApiError && error.code === "upload_incomplete") {
      log("warn", "upload begins again: its parts do not fit together", { upload: upload.id });
      await withRetry(() =>
        db.batch([
          db.update(tusUploads).set({ received: 0, tail: [] }).where(eq(tusUploads.uploadId, upload.id)),
          db.delete(uploadParts).where(eq(uploadParts.uploadId, upload.id)),
        ]),
      );
      throw offsetMismatch(0);
    }
    throw error;
  }
}

export function offsetMismatch(offset: number): ApiError {
  return new ApiError("upload_offset_mismatch", `The upload continues at ${offset}.`, {
    "upload-offset": String(offset),
  });
}

function holds({ uploadId, writer }: Turn): SQL {
  return and(eq(tusUploads.uploadId, uploadId), eq(tusUploads.writer, writer)) as SQL;
}
