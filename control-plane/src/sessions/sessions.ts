import type { AuditAction } from "@splatt/shared";
import { and, eq, gt, lt, sql } from "drizzle-orm";
import { auditIf } from "../audit/audit.ts";
import { database, withRetry } from "../db/database.ts";
import { auditEvents, sessions } from "../db/schema.ts";
import type { Env } from "../env.ts";
import { newSecret, sha256Hex } from "../http/credentials.ts";
import { authenticateKey, principalOfHash } from "../keys/authenticate-key.ts";
import type { Principal } from "../keys/principal.ts";
import { SESSION_SECONDS } from "./session-cookie.ts";

export interface NewSession {
  readonly principal: Principal;
  /** The cookie's value. */
  readonly token: string;
  readonly expiresAt: number;
}

/** @returns null when the key is wrong */
export async function createSession(env: Env, apiKey: string): Promise<NewSession | null> {
  const principal = await authenticateKey(env, apiKey);
  if (principal === null) return null;
  const keyHash = await sha256Hex(apiKey);
  const token = newSecret();
  const now = Date.now();
  const expiresAt = now + SESSION_SECONDS * 1000;
  const row = {
    idHash: await sha256Hex(token),
    apiKeyId: principal.keyId,
    keyHash,
    createdAt: now,
    expiresAt,
  };
  const db = database(env.DB);
  const isNew = sql`NOT EXISTS (SELECT 1 FROM sessions WHERE id_hash = ${row.idHash})`;
  await withRetry(() =>
    db.batch([
      auditIf(db, principal, "session.created", nameOf(row.idHash), isNew),
      db.insert(sessions).values(row).onConflictDoNothing(),
    ]),
  );
  return { principal, token, expiresAt };
}

/** @returns null when the session is unknown or over, or its key is no longer valid */
export async function authenticateSession(env: Env, token: string): Promise<Principal | null> {
  const [session] = await database(env.DB)
    .select({ keyHash: sessions.keyHash })
    .from(sessions)
    .where(and(eq(sessions.idHash, await sha256Hex(token)), gt(sessions.expiresAt, Date.now())));
  return session === undefined ? null : principalOfHash(env, session.keyHash);
}

export async function endSession(env: Env, token: string): Promise<void> {
  const idHash = await sha256Hex(token);
  const db = database(env.DB);
  const row = eq(sessions.idHash, idHash);
  await withRetry(() =>
    db.batch([
      db.insert(auditEvents).select(
        sql`SELECT NULL, ${Date.now()}, api_key_id, ${"session.deleted" satisfies AuditAction}, ${nameOf(idHash)}, NULL
              FROM ${sessions} WHERE ${row}`,
      ),
      db.delete(sessions).where(row),
    ]),
  );
}

/** How the audit names a session: of no use to whoever would take it over. */
function nameOf(idHash: string): string {
  return idHash.slice(0, 16);
}

/** Removes sessions that are over. */
export async function purgeSessions(env: Env, now: number): Promise<void> {
  await database(env.DB).delete(sessions).where(lt(sessions.expiresAt, now));
}
