import type { UploadProtocol } from "@splatt/shared";
import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { TailPiece } from "../../storage/object-bytes.ts";

/** Videos that clients upload. */
export const uploads = sqliteTable(
  "uploads",
  {
    id: text().primaryKey(),
    /** The API key that created it; null for the bootstrap key. */
    apiKeyId: text("api_key_id"),
    /** How its bytes arrive: as numbered parts, or appended in order. */
    protocol: text().$type<UploadProtocol>().notNull().default("parts"),
    filename: text().notNull(),
    size: integer().notNull(),
    /** SHA-256 of the whole file, hex, where the client gave it. */
    sha256: text(),
    partSize: integer("part_size").notNull(),
    r2Key: text("r2_key").notNull(),
    r2UploadId: text("r2_upload_id").notNull(),
    /** Null while parts are still sent. */
    etag: text(),
    createdAt: integer("created_at").notNull(),
    /** When it goes, unless a job uses it then. */
    expiresAt: integer("expires_at").notNull(),
  },
  (upload) => [
    index("uploads_expiry").on(upload.expiresAt),
    // The list, newest first: all, those of a key, and the few that are not complete.
    index("uploads_created").on(upload.createdAt),
    index("uploads_key").on(upload.apiKeyId, upload.createdAt).where(sql`api_key_id IS NOT NULL`),
    index("uploads_open").on(upload.createdAt).where(sql`etag IS NULL`),
  ],
);
export type UploadRow = typeof uploads.$inferSelect;

export const uploadParts = sqliteTable(
  "upload_parts",
  {
    uploadId: text("upload_id").notNull(),
    partNumber: integer("part_number").notNull(),
    etag: text().notNull(),
    /** Hex, where the sender stated it. */
    sha256: text(),
  },
  (part) => [primaryKey({ columns: [part.uploadId, part.partNumber] })],
);

/** An upload whose bytes are appended in order (tus), until it is complete. */
export const tusUploads = sqliteTable("tus_uploads", {
  uploadId: text("upload_id").primaryKey(),
  /** The bytes that are stored: the offset at which the client continues. */
  received: integer().notNull().default(0),
  /** The stored bytes that do not fill a part yet. */
  tail: text({ mode: "json" }).$type<readonly TailPiece[]>().notNull(),
  /** `Upload-Metadata` as the client sent it. */
  metadata: text(),
  /** The request that may append, and until when nobody else may. */
  writer: text(),
  writerUntil: integer("writer_until"),
});
export type TusUploadRow = typeof tusUploads.$inferSelect;
