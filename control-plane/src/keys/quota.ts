import { type LimitUse, QUOTAS, type Quota } from "@splatt/shared";
import { and, count, eq } from "drizzle-orm";
import { database } from "../db/database.ts";
import { apiKeys, jobs } from "../db/schema.ts";
import { storeErrorText } from "../db/store-errors.ts";
import type { Env } from "../env.ts";
import { ApiError } from "../http/problem.ts";
import type { Principal } from "./principal.ts";

const HOUR_MS = 3600 * 1000;

/** What a key uses of its limits; null for the bootstrap key, which has none. */
export async function limitUse(env: Env, { keyId }: Principal): Promise<LimitUse | null> {
  if (keyId === null) return null;
  const db = database(env.DB);
  const [[row], [waiting]] = await db.batch([
    db.select().from(apiKeys).where(eq(apiKeys.id, keyId)),
    db
      .select({ jobs: count() })
      .from(jobs)
      .where(and(eq(jobs.apiKeyId, keyId), eq(jobs.status, "queued"))),
  ]);
  if (row === undefined) return null;
  const isThisHour = row.hour === Math.floor(Date.now() / HOUR_MS);
  return {
    jobs_per_hour: isThisHour ? row.jobsInHour : 0,
    jobs_waiting: waiting?.jobs ?? 0,
    bytes_stored: row.bytesStored,
  };
}

const REFUSAL = /refused: (\w+)/;

/** Whether a trigger of the database refused an insert because of the key. */
export function isRefusedByKey(error: unknown): boolean {
  return REFUSAL.test(storeErrorText(error));
}

/**
 * The refusal that a trigger of the database raised because of the key (migration 0005), as the API's error.
 *
 * @returns null for any other error
 */
export async function keyRefusal(
  env: Env,
  principal: Principal | undefined,
  error: unknown,
): Promise<ApiError | null> {
  const reason = storeErrorText(error).match(REFUSAL)?.[1];
  if (reason === undefined || principal === undefined) return null;
  // It was revoked after the request had been let in.
  if (reason === "key_revoked") return new ApiError("unauthorized");
  const quota = QUOTAS.find((name) => name === reason);
  if (quota === undefined) return null;
  const limit = principal.limits?.[quota] ?? null;
  const used = quota === "upload_bytes" ? null : ((await limitUse(env, principal))?.[quota] ?? null);
  return new ApiError("quota_exceeded", sentence(quota, limit, used));
}

function sentence(quota: Quota, limit: number | null, used: number | null): string {
  const more = quota === "bytes_stored" ? ", and this needs more than is left" : "";
  const use = used === null ? "" : ` ${used} ${used === 1 ? "is" : "are"} used${more}.`;
  return `The key's limit ${quota} is ${limit ?? "unknown"}.${use}`;
}
