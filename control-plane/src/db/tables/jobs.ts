import type { EngineChoice, FailureCode, JobOptions, JobReport, JobStatus } from "@splatt/shared";
import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import {
  IN_NAMED_POOL,
  IS_LEASED,
  IS_WAITING,
  IS_WAITING_AFTER_LOSS,
  KEEPS_RESULTS,
} from "../job-predicates.ts";
import type { Callback } from "./webhooks.ts";

export const jobs = sqliteTable(
  "jobs",
  {
    /** Creation order: pages the list without skipping or repeating. */
    seq: integer().primaryKey(),
    id: text().notNull(),
    taskId: text("task_id").notNull(),
    /** The API key that created it; null for the bootstrap key. */
    apiKeyId: text("api_key_id"),
    labels: text({ mode: "json" }).$type<Record<string, string>>(),
    status: text().$type<JobStatus>().notNull(),
    /** Counts the changes that a client can see. */
    version: integer().notNull().default(1),
    progress: integer().notNull().default(0),
    message: text().notNull(),
    errorCode: text("error_code").$type<FailureCode>(),
    errorDetail: text("error_detail"),
    logTail: text("log_tail", { mode: "json" }).$type<string[]>(),

    filename: text().notNull(),
    /** One of these three is set: the video comes from the web, from an upload, or the scene from several uploads. */
    sourceUrl: text("source_url"),
    uploadId: text("upload_id"),
    uploadIds: text("upload_ids", { mode: "json" }).$type<readonly string[]>(),
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

    callback: text({ mode: "json" }).$type<Callback>(),
    /** Retention never removes the files of a pinned job. */
    pinned: integer({ mode: "boolean" }).notNull().default(false),
    /** When retention removed its video and its results. */
    inputPurgedAt: integer("input_purged_at"),
    resultsPurgedAt: integer("results_purged_at"),
  },
  (job) => [
    uniqueIndex("jobs_id").on(job.id),
    index("jobs_task").on(job.taskId),
    // Most jobs are in the default pool, and cost nothing here.
    index("jobs_pool").on(job.pool).where(IN_NAMED_POOL),
    // `seq` is the rowid, which every index ends with: this one also orders by creation.
    index("jobs_status").on(job.status),
    // What counts against a key's limit of waiting jobs.
    index("jobs_key_waiting").on(job.apiKeyId).where(sql`api_key_id IS NOT NULL AND status = 'queued'`),
    index("jobs_queue").on(job.pool, job.engine, job.rank).where(IS_WAITING),
    index("jobs_leased").on(job.pool).where(IS_LEASED),
    index("jobs_upload").on(job.uploadId).where(sql`upload_id IS NOT NULL`),
    // Only jobs that lost an agent and wait: few, and few of their changes touch it.
    index("jobs_lost").on(job.pool, job.nextAttemptAt).where(IS_WAITING_AFTER_LOSS),
    index("jobs_kept_results").on(job.endedAt).where(KEEPS_RESULTS),
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

/** How many jobs there are of each status, and what has happened to jobs so far. Written by triggers only. */
export const jobCounts = sqliteTable("job_counts", {
  status: text().$type<JobStatus>().primaryKey(),
  jobs: integer().notNull(),
  /** How many jobs have ever been created (`queued`), or have ended so. */
  entered: integer().notNull().default(0),
  /** Of `failed`: how many by code. */
  errorCodes: text("error_codes", { mode: "json" }).$type<Record<string, number>>().notNull().default({}),
  /** How many times a job has left this status for the next one, how long they took together, and how many so long. */
  finished: integer().notNull().default(0),
  finishedMs: integer("finished_ms").notNull().default(0),
  within10s: integer("within_10s").notNull().default(0),
  within1min: integer("within_1min").notNull().default(0),
  within5min: integer("within_5min").notNull().default(0),
  within20min: integer("within_20min").notNull().default(0),
  within1h: integer("within_1h").notNull().default(0),
  within4h: integer("within_4h").notNull().default(0),
});
export type JobCountRow = typeof jobCounts.$inferSelect;

/** The labels of jobs as `key=value`, for finding them. Written by triggers only, from `jobs.labels`. */
export const jobLabels = sqliteTable(
  "job_labels",
  { label: text().notNull(), seq: integer().notNull() },
  (row) => [primaryKey({ columns: [row.label, row.seq] })],
);

/** Which jobs of several uploads use an upload. Written by triggers only, from `jobs.upload_ids`. */
export const jobUploads = sqliteTable(
  "job_uploads",
  { uploadId: text("upload_id").notNull(), jobId: text("job_id").notNull() },
  (row) => [primaryKey({ columns: [row.uploadId, row.jobId] })],
);

/** Deleted jobs whose R2 prefix is still to be purged: at once, and again when no stale upload can arrive. */
export const tombstones = sqliteTable(
  "tombstones",
  {
    jobId: text("job_id").primaryKey(),
    deletedAt: integer("deleted_at").notNull(),
    purgeAt: integer("purge_at").notNull(),
  },
  (tombstone) => [index("tombstones_due").on(tombstone.purgeAt)],
);
export type TombstoneRow = typeof tombstones.$inferSelect;
