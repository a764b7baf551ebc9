import { type Fence, isTerminal, TERMINAL_STATUSES } from "@splatt/shared";
import { and, eq, notInArray, type SQL, sql } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { jobs } from "../db/schema.ts";

/**
 * The condition that `agentId` holds the job under `fence`; part of the WHERE of every change that an agent reports.
 */
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

/** The leases of `fences` under which `agentId` holds an unfinished job: one query for all. */
export async function unfinishedAmong(
  db: Database,
  fences: readonly Fence[],
  agentId: string,
): Promise<Set<string>> {
  if (fences.length === 0) return new Set();
  const claimed = JSON.stringify(fences);
  const rows = await db
    .select({ leaseId: jobs.leaseId })
    .from(jobs)
    .innerJoin(
      sql`json_each(${claimed}) AS claimed`,
      and(
        eq(jobs.id, sql`claimed.value ->> '$.job_id'`),
        eq(jobs.attempt, sql`claimed.value ->> '$.attempt'`),
        eq(jobs.leaseId, sql`claimed.value ->> '$.lease_id'`),
      ),
    )
    .where(and(eq(jobs.agentId, agentId), notInArray(jobs.status, [...TERMINAL_STATUSES])));
  return new Set(rows.flatMap(({ leaseId }) => leaseId ?? []));
}

/** Like {@link isHeldUnder}, and the job has not ended. */
export async function isUnfinishedUnder(db: Database, fence: Fence, agentId: string): Promise<boolean> {
  const [job] = await db.select({ status: jobs.status }).from(jobs).where(heldUnder(fence, agentId));
  return job !== undefined && !isTerminal(job.status);
}
