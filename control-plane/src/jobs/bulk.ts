import type { BulkOutcome } from "@splatt/shared";
import { database } from "../db/database.ts";
import { inList } from "../db/in-list.ts";
import { type JobRow, jobs } from "../db/schema.ts";
import type { Env } from "../env.ts";
import type { Principal } from "../keys/principal.ts";
import { reachesJob } from "../keys/reach.ts";
import { cancelJobs, stopCancelledJobs } from "./cancel.ts";
import { deleteJobs, tellAgents } from "./delete.ts";

/** Many jobs in one request: the rows in one transaction, and one call for each pool. */

export interface BulkResult {
  /** One for each job that was named. */
  readonly outcomes: BulkOutcome[];
  /** What follows, for which the client need not wait. */
  readonly followUp: Promise<void>;
}

export async function cancelMany(
  env: Env,
  principal: Principal,
  ids: readonly string[],
): Promise<BulkResult> {
  const found = await jobsInReach(env, principal, ids);
  const after = found.length === 0 ? [] : await cancelJobs(env, principal, idsOf(found));
  const cancelled = after.filter(({ status }) => status === "cancelled");
  const byId = new Map(after.map((job) => [job.id, job]));
  const outcomes = [...new Set(ids)].map((id): BulkOutcome => {
    const job = byId.get(id);
    if (job === undefined) return notFound(id);
    const done = job.status === "cancelled";
    return { job_id: id, done, status: job.status, code: done ? null : "job_ended" };
  });
  return { outcomes, followUp: stopCancelledJobs(env, cancelled) };
}

export async function deleteMany(
  env: Env,
  principal: Principal,
  ids: readonly string[],
): Promise<BulkResult> {
  const found = await jobsInReach(env, principal, ids);
  const left = found.length === 0 ? [] : await deleteJobs(env, principal, found);
  const known = new Set(idsOf(found));
  const leftById = new Map(left.map((job) => [job.id, job]));
  const outcomes = [...new Set(ids)].map((id): BulkOutcome => {
    const job = leftById.get(id);
    if (job !== undefined) return { job_id: id, done: false, status: job.status, code: "job_not_ended" };
    return known.has(id) ? { job_id: id, done: true, status: null, code: null } : notFound(id);
  });
  const deleted = found.filter(({ id }) => !leftById.has(id));
  return { outcomes, followUp: tellAgents(env, deleted) };
}

async function jobsInReach(env: Env, principal: Principal, ids: readonly string[]): Promise<JobRow[]> {
  const rows = await database(env.DB).select().from(jobs).where(inList(jobs.id, ids));
  return rows.filter((job) => reachesJob(principal, job));
}

function notFound(id: string): BulkOutcome {
  return { job_id: id, done: false, status: null, code: "job_not_found" };
}

function idsOf(rows: readonly JobRow[]): string[] {
  return rows.map(({ id }) => id);
}
