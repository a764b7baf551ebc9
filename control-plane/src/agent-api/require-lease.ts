import { FENCE_HEADERS, Fence, isTerminal } from "@splatt/shared";
import { and, eq, sql } from "drizzle-orm";
import type { Context, MiddlewareHandler } from "hono";
import { agentTokenOf } from "../agents/tokens.ts";
import type { AppEnv } from "../app-env.ts";
import { builtOnce, database } from "../db/database.ts";
import { agents, type JobRow, jobs, type ResultUploadRow, resultUploads } from "../db/schema.ts";
import type { Env } from "../env.ts";
import { guardCredentials } from "../http/guard-credentials.ts";
import { ApiError } from "../http/problem.ts";
import { abortMultipart } from "../uploads/multipart.ts";

const COLUMNS = {
  id: jobs.id,
  status: jobs.status,
  attempt: jobs.attempt,
  leaseId: jobs.leaseId,
  agentId: jobs.agentId,
  uploadId: jobs.uploadId,
  uploadIds: jobs.uploadIds,
};

/** The columns of a job that an agent's request needs. */
export type LeasedJob = Pick<JobRow, keyof typeof COLUMNS>;

/** What Hono's context carries on the routes that only the holder of a lease may call. */
export interface LeaseAppEnv extends AppEnv {
  Variables: {
    fence: Fence;
    job: LeasedJob;
    /** The upload that the path names, of the same attempt; null on routes without one. */
    upload: ResultUploadRow | null;
  };
}

/** Agent, job and upload in one query: a D1 call can take 30 ms, and a large file has many parts. */
const leasedJob = builtOnce((db) =>
  db
    .select({ tokenHash: agents.tokenHash, job: COLUMNS, upload: resultUploads })
    .from(agents)
    .leftJoin(jobs, eq(jobs.id, sql.placeholder("jobId")))
    .leftJoin(
      resultUploads,
      and(
        eq(resultUploads.id, sql.placeholder("uploadId")),
        eq(resultUploads.jobId, sql.placeholder("jobId")),
      ),
    )
    .where(eq(agents.id, sql.placeholder("agentId")))
    .prepare(),
);

/**
 * Requires that the agent holds the job under the fence in its headers; 409 otherwise, so that an agent stops working
 * on a job it lost. A stale request also aborts the upload that it names, but only if that upload's attempt is over:
 * while the attempt continues under a newer lease, its upload must not be disturbed.
 */
export const requireLease: MiddlewareHandler<LeaseAppEnv> = async (c, next) => {
  const token = agentTokenOf(c.req.header("authorization"));
  if (token === null) throw new ApiError("agent_unauthorized");
  const { id: jobId = "", upload: uploadId = "" } = c.req.param() as { id?: string; upload?: string };
  const row = await guardCredentials(c, "agent token", async () => {
    const [found] = await leasedJob(database(c.env.DB)).all({ agentId: token.agentId, jobId, uploadId });
    return found !== undefined && (await token.matches(found.tokenHash)) ? found : null;
  });
  if (row === null) throw new ApiError("agent_unauthorized");

  const fence = Fence.safeParse({
    job_id: jobId,
    attempt: Number(c.req.header(FENCE_HEADERS.attempt)),
    lease_id: c.req.header(FENCE_HEADERS.leaseId),
  });
  if (!fence.success) throw new ApiError("stale_lease", "The request does not name its attempt and lease.");
  const { job, upload } = row;
  if (job === null || !isHeldBy(token.agentId, job, fence.data)) {
    if (upload !== null) await abortIfOver(c.env, job, upload);
    throw new ApiError("stale_lease");
  }
  if (uploadId !== "" && upload?.attempt !== job.attempt) throw new ApiError("upload_not_found");
  c.set("fence", fence.data);
  c.set("job", job);
  c.set("upload", upload);
  await next();
};

/** Throws as {@link requireLease} does when the job was lost since then; for requests that have changed something. */
export async function requireLeaseStill(c: Context<LeaseAppEnv>): Promise<void> {
  const { id, agentId } = c.get("job");
  const [now] = await database(c.env.DB).select(COLUMNS).from(jobs).where(eq(jobs.id, id));
  if (now === undefined || !isHeldBy(agentId, now, c.get("fence"))) throw new ApiError("stale_lease");
}

function isHeldBy(agentId: string | null, job: LeasedJob, fence: Fence): boolean {
  const isUnderFence = job.attempt === fence.attempt && job.leaseId === fence.lease_id;
  return isUnderFence && job.agentId === agentId && !isTerminal(job.status);
}

async function abortIfOver(env: Env, job: LeasedJob | null, upload: ResultUploadRow): Promise<void> {
  if (upload.etag !== null) return;
  const isRunning = job !== null && job.attempt === upload.attempt && !isTerminal(job.status);
  if (!isRunning) await abortMultipart(env.BUCKET, upload);
}
