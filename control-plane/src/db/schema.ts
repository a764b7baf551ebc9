import type {
  AgentOffer,
  AlarmKind,
  AlarmPayload,
  EngineChoice,
  FailureCode,
  JobEventType,
  JobOptions,
  JobReport,
  JobStatus,
  KeyLimits,
  Scope,
  UploadProtocol,
  WEBHOOK_TEST,
  WebhookEventType,
  WebhookPayload,
} from "@splatt/shared";
import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import type { TailPiece } from "../storage/object-bytes.ts";
import {
  IN_NAMED_POOL,
  IS_LEASED,
  IS_WAITING,
  IS_WAITING_AFTER_LOSS,
  KEEPS_RESULTS,
} from "./job-predicates.ts";

/**
 * D1, the single source of truth for jobs. Times are epoch milliseconds.
 *
 * What the migrations add by hand, because drizzle cannot say it:
 * - `job_events`, `job_counts`, `job_labels` and `job_uploads` are written by triggers on `jobs`, so that no change of a
 *   job can be made without its history, the counters, labels and uploads following in the same statement;
 * - every other table than `jobs` and `audit_events` is WITHOUT ROWID, which halves the rows billed for an insert.
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
 * Jobs that may have files in R2 of which no row tells: small result files are stored without one, because rows are most
 * of what a job costs. The job's prefix is swept when it ends, and again when no late request can add to it.
 */
export const resultSweeps = sqliteTable("result_sweeps", { jobId: text("job_id").primaryKey() });

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
  /** Its failures in a row, and since when it gets no jobs for them: what its Dispatcher has decided. */
  faults: text({ mode: "json" }).$type<readonly HostFault[]>(),
  quarantinedAt: integer("quarantined_at"),
});
export type AgentRow = typeof agents.$inferSelect;

/** A job that failed at an agent in a way that speaks against the agent's host. */
export interface HostFault {
  readonly jobId: string;
  /** SHA-256 of the job's URL or upload, hex: the row outlives the job, whose URL may hold a secret. */
  readonly input: string;
  readonly code: FailureCode;
  readonly at: number;
}

/** What somebody should look at now. Triggers tell the webhooks of an alarm and of its end. See alarms/. */
export const alarms = sqliteTable(
  "alarms",
  {
    kind: text().$type<AlarmKind>().notNull(),
    /** What it is about: an agent, a pool or a webhook. */
    subject: text().notNull(),
    /** The subject of its webhook events. */
    id: text().notNull(),
    pool: text(),
    agentId: text("agent_id"),
    message: text().notNull(),
    since: integer().notNull(),
  },
  (alarm) => [primaryKey({ columns: [alarm.kind, alarm.subject] })],
);
export type AlarmRow = typeof alarms.$inferSelect;

/** API keys, except the bootstrap key, which is a setting. Revoked keys stay, because jobs and the audit name them. */
export const apiKeys = sqliteTable(
  "api_keys",
  {
    id: text().primaryKey(),
    name: text().notNull(),
    /** SHA-256 of the key, hex. */
    keyHash: text("key_hash").notNull(),
    /** Its first characters, so that a person recognizes it. */
    prefix: text().notNull(),
    scopes: text({ mode: "json" }).$type<readonly Scope[]>().notNull(),
    /** The only pool and the labels that its jobs may have; null is no limit. */
    pool: text(),
    labels: text({ mode: "json" }).$type<Record<string, string>>(),
    limits: text({ mode: "json" }).$type<KeyLimits>(),
    createdAt: integer("created_at").notNull(),
    createdBy: text("created_by"),
    expiresAt: integer("expires_at"),
    /** To the hour. */
    lastUsedAt: integer("last_used_at"),
    revokedAt: integer("revoked_at"),

    /** What it uses of its limits. Triggers count jobs and bytes, and refuse what is beyond a limit. */
    minuteStartedAt: integer("minute_started_at").notNull().default(0),
    requestsInMinute: integer("requests_in_minute").notNull().default(0),
    /** The hour since the epoch in which `jobsInHour` were created. */
    hour: integer().notNull().default(0),
    jobsInHour: integer("jobs_in_hour").notNull().default(0),
    bytesStored: integer("bytes_stored").notNull().default(0),
  },
  (key) => [uniqueIndex("api_keys_hash").on(key.keyHash)],
);
export type ApiKeyRow = typeof apiKeys.$inferSelect;

/** The first answer to each request with an `Idempotency-Key`. See idempotency/keyed-request.ts. */
export const idempotencyKeys = sqliteTable(
  "idempotency_keys",
  {
    /** SHA-256 of the API key's id and the idempotency key, hex. */
    id: text().primaryKey(),
    /** SHA-256 of operation, path and body, hex. */
    fingerprint: text().notNull(),
    /** Encrypted with the API key and the idempotency key. */
    answer: text().notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (row) => [index("idempotency_keys_created").on(row.createdAt)],
);

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

export const webhooks = sqliteTable("webhooks", {
  id: text().primaryKey(),
  /** The API key that made it, which limits its events; null for the bootstrap key. */
  apiKeyId: text("api_key_id"),
  url: text().notNull(),
  events: text({ mode: "json" }).$type<readonly WebhookEventType[]>().notNull(),
  /** `whsec_` and base64. Signing needs it in clear. */
  secret: text().notNull(),
  /** The address of the API as its maker reached it: where the links in its events point. */
  apiUrl: text("api_url").notNull(),
  createdAt: integer("created_at").notNull(),
  /** Since when every attempt has failed; null while it works. */
  failingSince: integer("failing_since"),
  /** When it answered 410 Gone: nothing is sent to it until a test succeeds. */
  disabledAt: integer("disabled_at"),
});
export type WebhookRow = typeof webhooks.$inferSelect;

/** Where a job's own events go. */
export interface Callback {
  readonly url: string;
  readonly events: readonly JobEventType[];
  /** The sender that delivers them: one for each API key and origin. */
  readonly receiver: string;
  readonly apiUrl: string;
  /** The API key that asked for it; null for the bootstrap key. */
  readonly apiKeyId: string | null;
}

/**
 * The outbox of webhooks and its history. Triggers on `jobs` write a row in the statement that makes the change it
 * tells of, and delete the rows of a deleted job.
 */
export const webhookDeliveries = sqliteTable(
  "webhook_deliveries",
  {
    /** What the event is about: a job's or an alarm's id; for a test, a fresh id. */
    subject: text().notNull(),
    /** Grows with the events of a subject. */
    sequence: integer().notNull(),
    /** A webhook's id, or the receiver of a job's callback. */
    receiver: text().notNull(),
    event: text().$type<WebhookEventType | typeof WEBHOOK_TEST>().notNull(),
    /** The event's data, as they were at the change; null for a test. */
    payload: text({ mode: "json" }).$type<WebhookPayload | AlarmPayload>(),
    /** The change's time. */
    createdAt: integer("created_at").notNull(),
    attempts: integer().notNull().default(0),
    /** Null once it is delivered or given up. */
    nextAttemptAt: integer("next_attempt_at"),
    deliveredAt: integer("delivered_at"),
    /** Of the last attempt. */
    responseStatus: integer("response_status"),
    error: text(),
  },
  (row) => [
    primaryKey({ columns: [row.subject, row.sequence, row.receiver] }),
    // Finds what a receiver has still to get, and otherwise its history in order.
    index("webhook_deliveries_receiver").on(row.receiver, row.nextAttemptAt, row.createdAt),
  ],
);
export type WebhookDeliveryRow = typeof webhookDeliveries.$inferSelect;

/** What signs the callbacks of each API key's jobs. */
export const callbackSecrets = sqliteTable("callback_secrets", {
  /** Empty for the bootstrap key. */
  apiKeyId: text("api_key_id").primaryKey(),
  /** `whsec_` and base64. */
  secret: text().notNull(),
  createdAt: integer("created_at").notNull(),
});

/** Links that show a job to whoever has them. */
export const shares = sqliteTable(
  "shares",
  {
    id: text().primaryKey(),
    jobId: text("job_id").notNull(),
    /** SHA-256 of the token in the link, hex. */
    tokenHash: text("token_hash").notNull(),
    title: text(),
    allowDownload: integer("allow_download", { mode: "boolean" }).notNull(),
    createdAt: integer("created_at").notNull(),
    createdBy: text("created_by"),
    expiresAt: integer("expires_at"),
  },
  (share) => [
    uniqueIndex("shares_token").on(share.tokenHash),
    index("shares_job").on(share.jobId),
    // The list, newest first.
    index("shares_created").on(share.createdAt),
    index("shares_expiry").on(share.expiresAt).where(sql`expires_at IS NOT NULL`),
  ],
);
export type ShareRow = typeof shares.$inferSelect;

/** What signs result links and the like. A retired secret still verifies until nothing that it signed is valid. */
export const signingSecrets = sqliteTable("signing_secrets", {
  id: text().primaryKey(),
  /** 256 random bits. */
  secret: text().notNull(),
  createdAt: integer("created_at").notNull(),
  retiredAt: integer("retired_at"),
});

/** Signed-in browsers. */
export const sessions = sqliteTable(
  "sessions",
  {
    /** SHA-256 of the cookie, hex. */
    idHash: text("id_hash").primaryKey(),
    /** Null for the bootstrap key. */
    apiKeyId: text("api_key_id"),
    /** SHA-256 of the key that signed in, hex: the session ends with it. */
    keyHash: text("key_hash").notNull(),
    createdAt: integer("created_at").notNull(),
    expiresAt: integer("expires_at").notNull(),
  },
  (session) => [index("sessions_expiry").on(session.expiresAt)],
);

/** Who did what. */
export const auditEvents = sqliteTable("audit_events", {
  seq: integer().primaryKey(),
  at: integer().notNull(),
  /** Null for the bootstrap key. */
  apiKeyId: text("api_key_id"),
  action: text().notNull(),
  subject: text().notNull(),
  detail: text({ mode: "json" }).$type<Record<string, unknown>>(),
});

/** What each key used on each day (UTC). Written by triggers only. */
export const usageDays = sqliteTable(
  "usage_days",
  {
    /** Empty for the bootstrap key. */
    apiKeyId: text("api_key_id").notNull(),
    /** `2026-11-28`. */
    day: text().notNull(),
    /** Jobs that ended. */
    jobs: integer().notNull().default(0),
    /** Of uploads that were completed, by the day on which they began. */
    uploadedBytes: integer("uploaded_bytes").notNull().default(0),
    resultBytes: integer("result_bytes").notNull().default(0),
  },
  (row) => [primaryKey({ columns: [row.day, row.apiKeyId] })],
);
