import { fullJitterMs } from "@splatt/shared";
import { type DrizzleD1Database, drizzle } from "drizzle-orm/d1";
import { isTransientD1Error } from "./store-errors.ts";

/**
 * Without drizzle's relational queries (`db.query`): building one takes at least twice the CPU time of the plain
 * select that reads the same row, and every request reads some. A select that names its columns is quicker still.
 */
export type Database = DrizzleD1Database;

const databases = new WeakMap<D1Database, Database>();

/** One per binding: what drizzle works out about the tables is worked out once. */
export function database(d1: D1Database): Database {
  const known = databases.get(d1);
  if (known !== undefined) return known;
  const made = drizzle(d1);
  databases.set(d1, made);
  return made;
}

/**
 * A query that every request of a kind makes: built once per database, and run with other values for its placeholders,
 * since building it would take CPU time at each request.
 */
export function builtOnce<T>(build: (db: Database) => T): (db: Database) => T {
  const built = new WeakMap<Database, T>();
  return (db) => {
    const known = built.get(db);
    if (known !== undefined) return known;
    const query = build(db);
    built.set(db, query);
    return query;
  };
}

const RETRY_WINDOW = { minMs: 50, maxMs: 1000 };
const RETRIES = 3;

/**
 * Retries a D1 operation that failed with a transient error. D1 itself retries reads only, so `operation` must be safe
 * to repeat: a conditional update, or an insert that ignores a duplicate of itself.
 */
export async function withRetry<T>(operation: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await operation();
    } catch (error) {
      if (tries >= RETRIES || !isTransientD1Error(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, fullJitterMs(tries, RETRY_WINDOW, Math.random)));
    }
  }
}
