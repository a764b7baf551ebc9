import { MAX_LINK_LIFETIME_SEC } from "@splatt/shared";
import { and, desc, eq, isNull, lt, sql } from "drizzle-orm";
import { type Database, withRetry } from "../db/database.ts";
import { signingSecrets } from "../db/schema.ts";
import { hex, newSecret } from "../http/credentials.ts";

/** How long an isolate verifies by a secret that it has read. */
const CACHE_MS = 5 * 60 * 1000;
/** How long one secret signs new links. */
const SIGNS_MS = 30 * 24 * 3600 * 1000;
/**
 * How long a retired secret still verifies; the hour is for a link that was being signed, and for clocks that differ.
 */
const VERIFIES_MS = MAX_LINK_LIFETIME_SEC * 1000 + 3600 * 1000;

export interface SigningSecret {
  readonly id: string;
  readonly key: CryptoKey;
}

interface Cached {
  readonly secret: SigningSecret;
  readonly readAt: number;
}

/** The secrets that verified links, by id. */
const caches = new WeakMap<Database, Map<string, Cached>>();

/** The secret that signs now; made when the first link is. */
export async function currentSecret(db: Database, now: number): Promise<SigningSecret> {
  return toSecret((await readCurrent(db)) ?? (await makeSecret(db, now)));
}

/** The secret that signed a link; null when there is none of that id, or no longer. */
export async function secretById(db: Database, id: string, now: number): Promise<SigningSecret | null> {
  const byId = cacheOf(db);
  const cached = byId.get(id);
  if (cached !== undefined && isFresh(cached, now)) return cached.secret;
  byId.delete(id);
  const [row] = await db.select().from(signingSecrets).where(eq(signingSecrets.id, id));
  if (row === undefined) return null;
  const secret = await toSecret(row);
  byId.set(id, { secret, readAt: now });
  return secret;
}

/** Retires a secret that has signed for a month, and deletes those by which no valid link is signed. */
export async function rotateSigningSecrets(db: Database, now: number): Promise<void> {
  await withRetry(() =>
    db.batch([
      db
        .update(signingSecrets)
        .set({ retiredAt: now })
        .where(and(isNull(signingSecrets.retiredAt), lt(signingSecrets.createdAt, now - SIGNS_MS))),
      db.delete(signingSecrets).where(lt(signingSecrets.retiredAt, now - VERIFIES_MS)),
    ]),
  );
}

async function readCurrent(db: Database) {
  const [row] = await db
    .select()
    .from(signingSecrets)
    .where(isNull(signingSecrets.retiredAt))
    .orderBy(desc(signingSecrets.createdAt))
    .limit(1);
  return row;
}

/** Of several isolates that need the first secret at once, one makes it, and all use that one. */
async function makeSecret(db: Database, now: number) {
  const id = hex(crypto.getRandomValues(new Uint8Array(4)));
  const secret = newSecret();
  await withRetry(() =>
    db.run(
      sql`INSERT INTO signing_secrets (id, secret, created_at)
          SELECT ${id}, ${secret}, ${now}
          WHERE NOT EXISTS (SELECT 1 FROM signing_secrets WHERE retired_at IS NULL OR id = ${id})`,
    ),
  );
  const row = await readCurrent(db);
  if (row === undefined) throw new Error("The signing secret was not stored.");
  return row;
}

async function toSecret(row: { readonly id: string; readonly secret: string }): Promise<SigningSecret> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const bytes = new TextEncoder().encode(row.secret);
  return { id: row.id, key: await crypto.subtle.importKey("raw", bytes, algorithm, false, ["sign"]) };
}

function cacheOf(db: Database): Map<string, Cached> {
  const known = caches.get(db);
  if (known !== undefined) return known;
  const made = new Map<string, Cached>();
  caches.set(db, made);
  return made;
}

/** Setting the clock back must not keep an entry fresh for longer. */
function isFresh({ readAt }: Cached, now: number): boolean {
  return Math.abs(now - readAt) < CACHE_MS;
}
