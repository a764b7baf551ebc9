import { type Labels, labelTexts } from "@splatt/shared";
import { eq, type SQL } from "drizzle-orm";
import { agents, type JobRow } from "../db/schema.ts";
import { ApiError } from "../http/problem.ts";
import type { Principal } from "./principal.ts";

/**
 * What a key reaches. A key restricted to a pool or to labels sees and makes only jobs of that pool that have all of
 * these labels; other jobs do not exist for it. A job's pool and labels never change.
 */
type Reach = Pick<Principal, "pool" | "labels">;

/** Whether a job exists for the key. */
export function reachesJob(reach: Reach, job: Pick<JobRow, "pool" | "labels">): boolean {
  if (reach.pool !== null && reach.pool !== job.pool) return false;
  return Object.entries(reach.labels ?? {}).every(([key, value]) => job.labels?.[key] === value);
}

/** The body of a new job with the key's pool, where the body names none, and the key's labels. */
export function asKeyMakes({ pool, labels }: Reach, body: unknown): unknown {
  if (typeof body !== "object" || body === null || Array.isArray(body)) return body;
  const given = body as Readonly<Record<string, unknown>>;
  const own = typeof given.labels === "object" && given.labels !== null ? given.labels : {};
  return {
    ...given,
    ...(pool !== null && given.pool === undefined ? { pool } : {}),
    ...(labels === null || Array.isArray(given.labels) ? {} : { labels: { ...labels, ...own } }),
  };
}

/** @throws ApiError 403 when the key may not make this job */
export function requireJobInReach(
  reach: Reach,
  job: { readonly pool: string; readonly labels?: Labels | null },
): void {
  if (reachesJob(reach, { pool: job.pool, labels: job.labels ?? null })) return;
  const allowed = [
    ...(reach.pool === null ? [] : [`the pool ${reach.pool}`]),
    ...labelTexts(reach.labels ?? {}).map((label) => `the label ${label}`),
  ];
  throw new ApiError("outside_key", `The key makes only jobs with ${allowed.join(" and ")}.`);
}

/** @throws ApiError 403 when the key may not use the pool */
export function requirePoolInReach({ pool: own }: Reach, pool: string): void {
  if (own !== null && own !== pool) throw new ApiError("outside_key", `The key uses only the pool ${own}.`);
}

/** The condition that an agent exists for the key; undefined when the key sees all agents. */
export function agentsInReach({ pool }: Reach): SQL | undefined {
  return pool === null ? undefined : eq(agents.pool, pool);
}
