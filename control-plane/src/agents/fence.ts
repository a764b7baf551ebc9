import { FENCE_HEADERS, Fence, isTerminal } from "@splatt/shared";
import { eq } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { jobs } from "../db/schema.ts";
import { ApiError } from "../http/problem.ts";
import type { JobRow } from "../jobs/view.ts";
import type { AgentIdentity } from "./tokens.ts";

const COLUMNS = {
  id: jobs.id,
  status: jobs.status,
  attempt: jobs.attempt,
  leaseId: jobs.leaseId,
  agentId: jobs.agentId,
  uploadId: jobs.uploadId,
};

/** What an agent's request needs to know of its job. */
export type LeasedJob = Pick<JobRow, keyof typeof COLUMNS>;

/**
 * The job that an agent's HTTP request is about, if the agent still holds it under the fence in the headers;
 * 409 otherwise, so that it stops working on what it lost.
 */
export async function requireLease(
  db: Database,
  agent: AgentIdentity,
  jobId: string,
  headers: Headers,
): Promise<LeasedJob> {
  const fence = Fence.safeParse({
    job_id: jobId,
    attempt: Number(headers.get(FENCE_HEADERS.attempt)),
    lease_id: headers.get(FENCE_HEADERS.leaseId),
  });
  if (!fence.success) throw new ApiError("stale_lease", "The request does not name its attempt and lease.");
  const [job] = await db.select(COLUMNS).from(jobs).where(eq(jobs.id, jobId));
  const holds =
    job !== undefined &&
    job.agentId === agent.id &&
    job.attempt === fence.data.attempt &&
    job.leaseId === fence.data.lease_id &&
    !isTerminal(job.status);
  if (!holds) throw new ApiError("stale_lease");
  return job;
}
