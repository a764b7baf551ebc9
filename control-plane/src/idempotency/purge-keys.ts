import { asc, inArray, lt } from "drizzle-orm";
import { type Database, withRetry } from "../db/database.ts";
import { idempotencyKeys } from "../db/schema.ts";

/** How long an answer can be repeated. */
const KEPT_MS = 24 * 3600 * 1000;
/** How many keys one scheduled run removes; seven million a day. */
const BATCH = 5000;

/** The keys that have expired. */
export function expiredKeys(db: Database, now: number, limit: number) {
  return db
    .select({ id: idempotencyKeys.id })
    .from(idempotencyKeys)
    .where(lt(idempotencyKeys.createdAt, now - KEPT_MS))
    .orderBy(asc(idempotencyKeys.createdAt))
    .limit(limit);
}

export async function purgeIdempotencyKeys(db: Database, now: number): Promise<void> {
  const expired = expiredKeys(db, now, BATCH);
  await withRetry(() => db.delete(idempotencyKeys).where(inArray(idempotencyKeys.id, expired)));
}
