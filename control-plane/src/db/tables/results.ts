import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** The result files of completed jobs: each pins the object of the attempt that won. */
export const results = sqliteTable(
  "results",
  {
    jobId: text("job_id").notNull(),
    filename: text().notNull(),
    r2Key: text("r2_key").notNull(),
    etag: text().notNull(),
    size: integer().notNull(),
    sha256: text().notNull(),
    contentType: text("content_type").notNull(),
  },
  (result) => [primaryKey({ columns: [result.jobId, result.filename] })],
);
export type ResultRow = typeof results.$inferSelect;

/** Multipart uploads of result files by agents; the R2 binding cannot list them. */
export const resultUploads = sqliteTable(
  "result_uploads",
  {
    jobId: text("job_id").notNull(),
    id: text().notNull(),
    attempt: integer().notNull(),
    filename: text().notNull(),
    size: integer().notNull(),
    partSize: integer("part_size").notNull(),
    r2Key: text("r2_key").notNull(),
    r2UploadId: text("r2_upload_id").notNull(),
    /** Null while parts are still sent. */
    etag: text(),
    createdAt: integer("created_at").notNull(),
  },
  (upload) => [primaryKey({ columns: [upload.jobId, upload.id] })],
);
export type ResultUploadRow = typeof resultUploads.$inferSelect;

/**
 * Jobs that may have files in R2 of which no row tells: small result files are stored without one, because rows are
 * most of what a job costs. The job's prefix is swept when it ends, and again when no late request can add to it.
 */
export const resultSweeps = sqliteTable("result_sweeps", { jobId: text("job_id").primaryKey() });
