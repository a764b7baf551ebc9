import { type Fence, isTerminal } from "@splatt/shared";
import { and, eq, type SQL } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { jobs } from "../db/schema.ts";

/** The condition that `agentId` holds the job under `fence`; part of the WHERE of every change that an agent reports. */
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

/** Like {@link isHeldUnder}, and the job has not ended. */
export async function isUnfinishedUnder(db: Database, fence: Fence, agentId: string): Promise<boolean> {
  const [job] = await db.select({ status: jobs.status }).from(jobs).where(heldUnder(fence, agentId));
  return job !== undefined && !isTerminal(job.status);
}
