import { expectedPartSize, type UploadedPart } from "@splatt/shared";
import { asc, eq } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { tusUploads, type UploadRow, uploadParts } from "../db/schema.ts";

/** A part that has arrived. */
export interface ReceivedPart extends UploadedPart {
  readonly size: number;
  readonly sha256: string | null;
}

/** What has arrived of an upload. */
export interface Received {
  /** The parts that have arrived to their end, in order. */
  readonly parts: readonly ReceivedPart[];
  readonly bytes: number;
}

/**
 * What has arrived of an upload. A row says that its part is there, except with tus: in the local store, the one part
 * grows from its first byte on.
 */
export async function receivedOf(db: Database, upload: UploadRow): Promise<Received> {
  const { id, size, partSize } = upload;
  const rows = await db
    .select()
    .from(uploadParts)
    .where(eq(uploadParts.uploadId, id))
    .orderBy(asc(uploadParts.partNumber));
  const parts = rows.map(({ partNumber, etag, sha256 }) => ({
    part_number: partNumber,
    etag,
    sha256,
    size: expectedPartSize(partNumber, size, partSize) ?? size,
  }));
  if (upload.protocol !== "tus" || upload.etag !== null) {
    return { parts, bytes: parts.reduce((sum, part) => sum + part.size, 0) };
  }
  const [tus] = await db
    .select({ received: tusUploads.received })
    .from(tusUploads)
    .where(eq(tusUploads.uploadId, id));
  const bytes = tus?.received ?? 0;
  return { parts: parts.filter((part) => (part.part_number - 1) * partSize + part.size <= bytes), bytes };
}
