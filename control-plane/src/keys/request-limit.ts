import { counted } from "@splatt/shared";
import { and, eq, lt, or, sql } from "drizzle-orm";
import { database } from "../db/database.ts";
import { apiKeys } from "../db/schema.ts";
import type { Env } from "../env.ts";
import { ApiError } from "../http/problem.ts";
import type { Principal } from "./principal.ts";

const MINUTE_MS = 60_000;

/**
 * Counts a request of a key that has a limit of requests per minute, and costs other keys nothing. The count is one
 * conditional update in D1, so it is exact across isolates; a refused request writes nothing. A minute begins with the
 * first request after the end of the last one.
 *
 * @returns the headers of the answer (draft-ietf-httpapi-ratelimit-headers-11)
 * @throws ApiError 429 when the limit is reached
 */
export async function countRequest(
  env: Env,
  { keyId, limits }: Principal,
  now: number,
): Promise<Record<string, string>> {
  const limit = limits?.requests_per_minute ?? null;
  if (keyId === null || limit === null) return {};
  const db = database(env.DB);
  const key = eq(apiKeys.id, keyId);
  const isOver = lt(apiKeys.minuteStartedAt, now - MINUTE_MS + 1);
  const [row] = await db
    .update(apiKeys)
    .set({
      requestsInMinute: sql`iif(${isOver}, 1, ${apiKeys.requestsInMinute} + 1)`,
      minuteStartedAt: sql`iif(${isOver}, ${now}, ${apiKeys.minuteStartedAt})`,
    })
    .where(and(key, or(isOver, lt(apiKeys.requestsInMinute, limit))))
    .returning({ used: apiKeys.requestsInMinute, startedAt: apiKeys.minuteStartedAt });
  if (row !== undefined) return headers(limit, limit - row.used, secondsLeft(row.startedAt, now));
  const [full] = await db.select({ startedAt: apiKeys.minuteStartedAt }).from(apiKeys).where(key);
  const wait = secondsLeft(full?.startedAt ?? now, now);
  const detail = `The key may send ${counted(limit, "request")} per minute. The next one may be sent in ${wait} s.`;
  throw new ApiError("rate_limited", detail, { "retry-after": String(wait), ...headers(limit, 0, wait) });
}

function secondsLeft(startedAt: number, now: number): number {
  return Math.max(1, Math.ceil((startedAt + MINUTE_MS - now) / 1000));
}

function headers(limit: number, remaining: number, seconds: number): Record<string, string> {
  return {
    "ratelimit-policy": `"minute";q=${limit};w=60`,
    ratelimit: `"minute";r=${remaining};t=${seconds}`,
  };
}
