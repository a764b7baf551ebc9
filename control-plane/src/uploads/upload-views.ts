import { offsetUtc, type UploadSummary, type UploadView } from "@splatt/shared";
import type { Database } from "../db/database.ts";
import type { UploadRow } from "../db/schema.ts";
import { receivedOf } from "./received-parts.ts";

export function toSummary(upload: UploadRow): UploadSummary {
  return {
    upload_id: upload.id,
    status: upload.etag === null ? "open" : "completed",
    protocol: upload.protocol,
    filename: upload.filename,
    size: upload.size,
    sha256: upload.sha256,
    part_size: upload.partSize,
    parts: Math.ceil(upload.size / upload.partSize),
    created_at: offsetUtc(upload.createdAt),
    expires_at: offsetUtc(upload.expiresAt),
  };
}

export function toView(
  upload: UploadRow,
  received: readonly { readonly part_number: number }[],
  receivedBytes: number,
): UploadView {
  return {
    ...toSummary(upload),
    received_parts: received.map((part) => part.part_number),
    received_bytes: receivedBytes,
  };
}

/** An upload with what has arrived of it. */
export async function viewUpload(db: Database, upload: UploadRow): Promise<UploadView> {
  const { parts, bytes } = await receivedOf(db, upload);
  return toView(upload, parts, bytes);
}
