import type { AgentOffer, AlarmKind, FailureCode } from "@splatt/shared";
import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";

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

/** What needs attention now. Triggers tell the webhooks of an alarm and of its end. See alarms/. */
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
