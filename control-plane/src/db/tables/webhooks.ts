import type {
  AlarmPayload,
  JobEventType,
  WEBHOOK_TEST,
  WebhookEventType,
  WebhookPayload,
} from "@splatt/shared";
import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { IS_PENDING, IS_SETTLED } from "../delivery-predicates.ts";

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
    // What a receiver has yet to get, in order; and its history. Two indexes, so that the receivers that wait are found
    // among themselves, not among all that there have been. A row is in one of them, so each costs no more writes.
    index("webhook_deliveries_pending").on(row.receiver, row.nextAttemptAt, row.createdAt).where(IS_PENDING),
    index("webhook_deliveries_history").on(row.receiver, row.createdAt).where(IS_SETTLED),
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

/** Where a scheduled run that looks at a part of a table each minute has stopped, and the next one continues. */
export const sweepCursors = sqliteTable("sweep_cursors", {
  sweep: text().$type<"due-receivers" | "webhook-history">().primaryKey(),
  /** The last receiver that was looked at. */
  after: text().notNull(),
});
