import type { AuditAction } from "@splatt/shared";
import { type SQL, sql } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { auditEvents, jobs } from "../db/schema.ts";
import type { Principal } from "../keys/principal.ts";

/**
 * The statement that records who did what; run it in the batch that makes the change.
 *
 * @param subject the id of what was changed
 * @param detail what a reader of the audit wants to know, without secrets
 */
export function audit(
  db: Database,
  { keyId }: Principal,
  action: AuditAction,
  subject: string,
  detail: Readonly<Record<string, unknown>> | null = null,
) {
  return db.insert(auditEvents).values({ at: Date.now(), apiKeyId: keyId, action, subject, detail });
}

/** The same for a change that its batch makes only under a condition. */
export function auditIf(
  db: Database,
  { keyId }: Principal,
  action: AuditAction,
  subject: string,
  condition: SQL | undefined,
  detail: Readonly<Record<string, unknown>> | null = null,
) {
  const json = detail === null ? null : JSON.stringify(detail);
  return db
    .insert(auditEvents)
    .select(sql`SELECT NULL, ${Date.now()}, ${keyId}, ${action}, ${subject}, ${json} WHERE ${condition}`);
}

/** The same for a change of many jobs; run it before the change, under the same condition. */
export function auditJobs(
  db: Database,
  { keyId }: Principal,
  action: AuditAction,
  condition: SQL | undefined,
) {
  return db
    .insert(auditEvents)
    .select(sql`SELECT NULL, ${Date.now()}, ${keyId}, ${action}, id, NULL FROM ${jobs} WHERE ${condition}`);
}
