import { type EngineChoice, type Fence, isTerminal } from "@splatt/shared";
import { and, eq, lt, type SQL, sql } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { jobs } from "../db/schema.ts";

/** The condition that a job is still held under `fence` by `agentId`; in the WHERE of every change of it. */
export function heldUnder(fence: Fence, agentId: string): SQL | undefined {
  return and(
    eq(jobs.id, fence.job_id),
    eq(jobs.attempt, fence.attempt),
    eq(jobs.leaseId, fence.lease_id),
    eq(jobs.agentId, agentId),
  );
}

export async function isHeldUnder(db: Database, fence: Fence, agentId: string): Promise<boolean> {
  const rows = await db.select({ id: jobs.id }).from(jobs).where(heldUnder(fence, agentId));
  return rows.length > 0;
}

/** Like `isHeldUnder`, and the job has not ended: it is still to be worked on. */
export async function isWorkedOnUnder(db: Database, fence: Fence, agentId: string): Promise<boolean> {
  const [job] = await db.select({ status: jobs.status }).from(jobs).where(heldUnder(fence, agentId));
  return job !== undefined && !isTerminal(job.status);
}

// SQLite uses a partial index only when the query repeats its condition, so these are literals, not parameters.

/** The condition that a job waits for an agent in `pool`; along the index `jobs_queue`. */
export function waitingFor(pool: string, engine: EngineChoice): SQL | undefined {
  return and(eq(jobs.pool, pool), eq(jobs.engine, engine), sql`status = 'queued' AND lease_id IS NULL`);
}

/** The condition that a job of `pool` lost an agent and has waited for another since `time`; along `jobs_lost`. */
export function lostSince(pool: string, time: number): SQL | undefined {
  return and(
    eq(jobs.pool, pool),
    lt(jobs.nextAttemptAt, time),
    sql`status = 'queued' AND lease_id IS NULL AND lost_leases > 0`,
  );
}

/** The condition that an agent holds a job of `pool`; along the index `jobs_leased`. */
export function leasedIn(pool: string): SQL | undefined {
  return and(
    eq(jobs.pool, pool),
    sql`lease_id IS NOT NULL AND status NOT IN ('completed', 'failed', 'cancelled')`,
  );
}
