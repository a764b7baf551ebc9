import type { AgentOffer, EngineChoice, FailureCode, JobOptions, JobReport, JobStatus } from "@splatt/shared";
import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { IS_LEASED, IS_WAITING, IS_WAITING_AFTER_LOSS } from "./job-predicates.ts";

/**
 * D1, the single source of truth for jobs. Times are epoch milliseconds.
 *
 * What the migrations add by hand, because drizzle cannot say it:
 * - `job_events` and `job_counts` are written by triggers on `jobs`, so that no change of a job's status or
 *   lease can be made without its history and the counters following in the same statement;
 * - every other table than `jobs` is WITHOUT ROWID, which halves the rows billed for an insert.
 *
 * No foreign key cascades: a table rebuild by drizzle-kit would silently delete the child rows. What changes
 * often (progress, message, updated_at) is in no index, because each index touched is one more row written.
 */
export const jobs = sqliteTable(
  "jobs",
  {
    /** Creation order: pages the list without skipping or repeating. */
    seq: integer().primaryKey(),
    id: text().notNull(),
    taskId: text("task_id").notNull(),
    status: text().$type<JobStatus>().notNull(),
    progress: integer().notNull().default(0),
    message: text().notNull(),
    errorCode: text("error_code").$type<FailureCode>(),
    errorDetail: text("error_detail"),
    logTail: text("log_tail", { mode: "json" }).$type<string[]>(),

    filename: text().notNull(),
    /** Set when the video comes from the web; otherwise `uploadId` is. */
    sourceUrl: text("source_url"),
    uploadId: text("upload_id"),
    options: text({ mode: "json" }).$type<JobOptions>().notNull(),
    engine: text()
      .$type<EngineChoice>()
      .notNull()
      .generatedAlwaysAs(sql`(options ->> '$.engine')`, { mode: "virtual" }),

    pool: text().notNull(),
    priority: integer().notNull(),
    /** The queue's order, lower first: creation time, put forward by priority. See dispatch/queue-rank.ts. */
    rank: integer().notNull(),

    /** The fence is (id, attempt, leaseId). */
    attempt: integer().notNull().default(0),
    leaseId: text("lease_id"),
    agentId: text("agent_id"),
    /** The lease that was taken from an agent that may yet come back with the work; null once somebody has the job. */
    lostLeaseId: text("lost_lease_id"),
    /** Who worked on it last, and may still have its finished stages. For a retry: on the job it repeats. */
    lastAgentId: text("last_agent_id"),
    /** The ended job that this one repeats. */
    retryOf: text("retry_of"),
    /** The last acked message of the current lease. */
    lastSeq: integer("last_seq").notNull().default(0),
    /** Attempts that ended in a failure, and leases that were lost: counted apart. */
    failures: integer().notNull().default(0),
    lostLeases: integer("lost_leases").notNull().default(0),
    nextAttemptAt: integer("next_attempt_at"),

    etaSeconds: integer("eta_seconds"),
    report: text({ mode: "json" }).$type<JobReport>(),
    createdAt: integer("created_at").notNull(),
    updatedAt: integer("updated_at").notNull(),
    startedAt: integer("started_at"),
    endedAt: integer("ended_at"),
  },
  (job) => [
    uniqueIndex("jobs_id").on(job.id),
    // `seq` is the rowid, which every index ends with: this one also orders by creation.
    index("jobs_status").on(job.status),
    index("jobs_queue").on(job.pool, job.engine, job.rank).where(IS_WAITING),
    index("jobs_leased").on(job.pool).where(IS_LEASED),
    index("jobs_upload").on(job.uploadId).where(sql`upload_id IS NOT NULL`),
    // Only jobs that lost an agent and wait: few, and few of their changes touch it.
    index("jobs_lost").on(job.pool, job.nextAttemptAt).where(IS_WAITING_AFTER_LOSS),
  ],
);
export type JobRow = typeof jobs.$inferSelect;

/** A job's history: one row per change of status or lease. Written by triggers only. */
export const jobEvents = sqliteTable(
  "job_events",
  {
    jobId: text("job_id").notNull(),
    /** From 1, per job. */
    number: integer().notNull(),
    at: integer().notNull(),
    status: text().$type<JobStatus>().notNull(),
    attempt: integer().notNull(),
    agentId: text("agent_id"),
    message: text().notNull(),
    errorCode: text("error_code").$type<FailureCode>(),
  },
  (event) => [primaryKey({ columns: [event.jobId, event.number] })],
);
export type JobEventRow = typeof jobEvents.$inferSelect;

/** How many jobs there are of each status. Written by triggers only. */
export const jobCounts = sqliteTable("job_counts", {
  status: text().$type<JobStatus>().primaryKey(),
  jobs: integer().notNull(),
});

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
    id: text().primaryKey(),
    jobId: text("job_id").notNull(),
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
  (upload) => [index("result_uploads_job").on(upload.jobId)],
);
export type ResultUploadRow = typeof resultUploads.$inferSelect;

/** Videos that clients upload. */
export const uploads = sqliteTable(
  "uploads",
  {
    id: text().primaryKey(),
    filename: text().notNull(),
    size: integer().notNull(),
    partSize: integer("part_size").notNull(),
    r2Key: text("r2_key").notNull(),
    r2UploadId: text("r2_upload_id").notNull(),
    /** Null while parts are still sent. */
    etag: text(),
    createdAt: integer("created_at").notNull(),
    /** When it goes, unless a job uses it then. */
    expiresAt: integer("expires_at").notNull(),
  },
  (upload) => [index("uploads_expiry").on(upload.expiresAt)],
);
export type UploadRow = typeof uploads.$inferSelect;

export const uploadParts = sqliteTable(
  "upload_parts",
  {
    uploadId: text("upload_id").notNull(),
    partNumber: integer("part_number").notNull(),
    etag: text().notNull(),
  },
  (part) => [primaryKey({ columns: [part.uploadId, part.partNumber] })],
);

/** Deleted jobs whose R2 prefix is still to be purged: at once, and again when no stale upload can arrive. */
export const tombstones = sqliteTable("tombstones", {
  jobId: text("job_id").primaryKey(),
  deletedAt: integer("deleted_at").notNull(),
  purgeAt: integer("purge_at").notNull(),
});
export type TombstoneRow = typeof tombstones.$inferSelect;

export const agents = sqliteTable("agents", {
  id: text().primaryKey(),
  name: text().notNull(),
  pool: text().notNull(),
  /** SHA-256 of the token, hex. */
  tokenHash: text("token_hash").notNull(),
  connected: integer({ mode: "boolean" }).notNull().default(false),
  version: text(),
  offer: text({ mode: "json" }).$type<AgentOffer>(),
  createdAt: integer("created_at").notNull(),
  /** When it last connected or disconnected. */
  lastSeenAt: integer("last_seen_at"),
});
export type AgentRow = typeof agents.$inferSelect;
