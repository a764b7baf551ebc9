import { and, eq, isNull, lt, or, sql } from "drizzle-orm";
import { builtOnce, database } from "../db/database.ts";
import { type ApiKeyRow, apiKeys } from "../db/schema.ts";
import type { Env } from "../env.ts";
import { equalsInConstantTime, sha256Hex } from "../http/credentials.ts";
import { log } from "../log.ts";
import { isWellFormedKey } from "./api-key.ts";
import { OWNER, type Principal } from "./principal.ts";

const HOUR_MS = 3600 * 1000;

/** @returns null when the key is wrong, revoked or expired. What cannot be a key costs no read. */
export async function authenticateKey(env: Env, key: string): Promise<Principal | null> {
  const keyHash = await sha256Hex(key);
  if (await isOwnersKey(env, keyHash)) return OWNER;
  return (await isWellFormedKey(key)) ? storedKey(env, keyHash) : null;
}

/**
 * Who holds the key with this hash, at this moment. Nothing is cached, and D1 answers from its primary, so a key is
 * refused from the moment at which its revocation is confirmed.
 *
 * @param keyHash SHA-256 of an API key, hex
 */
export async function principalOfHash(env: Env, keyHash: string): Promise<Principal | null> {
  return (await isOwnersKey(env, keyHash)) ? OWNER : storedKey(env, keyHash);
}

/** Two bootstrap keys may be set, so that clients can change from one to the other. */
async function isOwnersKey(env: Env, keyHash: string): Promise<boolean> {
  const hashes = await Promise.all(
    [env.GPU_API_KEY, env.GPU_API_KEY_PREVIOUS].filter((key) => !!key).map((key) => sha256Hex(key ?? "")),
  );
  return hashes.map((hash) => equalsInConstantTime(keyHash, hash)).includes(true);
}

const keyByHash = builtOnce((db) =>
  db
    .select()
    .from(apiKeys)
    .where(eq(apiKeys.keyHash, sql.placeholder("hash")))
    .prepare(),
);

async function storedKey(env: Env, keyHash: string): Promise<Principal | null> {
  const now = Date.now();
  const [row] = await keyByHash(database(env.DB)).all({ hash: keyHash });
  if (row === undefined || !isValid(row, now)) return null;
  await recordUse(env, row, now);
  return {
    keyId: row.id,
    name: row.name,
    scopes: new Set(row.scopes),
    pool: row.pool,
    labels: row.labels,
    limits: row.limits,
    expiresAt: row.expiresAt,
  };
}

function isValid({ revokedAt, expiresAt }: ApiKeyRow, now: number): boolean {
  return revokedAt === null && (expiresAt === null || expiresAt > now);
}

/** Written once an hour, not at each request. */
async function recordUse(env: Env, { id, lastUsedAt }: ApiKeyRow, now: number): Promise<void> {
  const hour = now - (now % HOUR_MS);
  if (lastUsedAt !== null && lastUsedAt >= hour) return;
  const isOlder = or(isNull(apiKeys.lastUsedAt), lt(apiKeys.lastUsedAt, hour));
  try {
    await database(env.DB)
      .update(apiKeys)
      .set({ lastUsedAt: hour })
      .where(and(eq(apiKeys.id, id), isOlder));
  } catch (error) {
    log("warn", "use of a key not recorded", { key: id }, error);
  }
}
