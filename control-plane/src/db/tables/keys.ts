import type { KeyLimits, Scope } from "@splatt/shared";
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";

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
    /** The only pool and the labels that its jobs may have; null means no limit. */
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
  (session) => [
    index("sessions_expiry").on(session.expiresAt),
    // A revoked key ends its sessions.
    index("sessions_key").on(session.keyHash),
  ],
);

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
