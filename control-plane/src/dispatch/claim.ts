import type { JobOptions, JobSource, JobSpec } from "@splatt/shared";
import { and, eq, inArray, isNull, lt, lte, notExists, or, type SQL, sql } from "drizzle-orm";
import { alias } from "drizzle-orm/sqlite-core";
import { IS_WAITING, STILL_WAITS } from "../db/job-predicates.ts";
import { jobs, uploads } from "../db/schema.ts";
import { claim as claimTransition } from "../jobs/transitions.ts";
import { log } from "../log.ts";
import { joinedSize } from "../uploads/joined-uploads.ts";
import type { DispatchContext } from "./dispatch-context.ts";
import type { Lease } from "./lease-table.ts";
import { headOfQueue, inOrder, needsOnly, type Opening, type WaitingJob } from "./queue.ts";

export interface Claimed {
  /** By lease id: what the agents of the claimed jobs have to do. */
  readonly specs: ReadonlyMap<string, JobSpec>;
  /** The jobs that wait behind them; null when D1 did not answer. */
  readonly next: readonly WaitingJob[] | null;
}

/**
 * Claims many jobs in one D1 call, because the round trip is most of a claim's time. The same transaction reads which
 * of them were claimed, and the queue's head for the `opening` that remains.
 *
 * @param leases `claiming` rows that are already in the lease table
 * @param onlyIfFirst claims only jobs that no waiting job precedes that these agents could take
 */
export async function claim(
  context: DispatchContext,
  leases: readonly Lease[],
  opening: Opening,
  onlyIfFirst: Opening | null,
): Promise<Claimed> {
  const ours = claimedJobs(context, leases);
  try {
    const [, rows, ...pages] = await context.db.batch([
      claimUpdate(context, leases, onlyIfFirst),
      ours,
      ...headOfQueue(context, opening),
    ]);
    return { specs: specsOf(rows, leases), next: inOrder(pages, opening) };
  } catch (error) {
    // The claim may have succeeded although its reply was lost, so the rows are read. If that fails too, the `claiming`
    // rows stay until their deadline.
    log("warn", "claim not confirmed", { jobs: leases.length }, error);
    return { specs: specsOf(await ours, leases), next: null };
  }
}

/** Whether D1 knows the lease of a `claiming` row whose reply was lost. */
export async function claimSucceeded(context: DispatchContext, lease: Lease): Promise<boolean> {
  const [job] = await context.db.select({ leaseId: jobs.leaseId }).from(jobs).where(eq(jobs.id, lease.jobId));
  return job?.leaseId === lease.leaseId;
}

/** What the agent has to do under a lease; null when D1 does not know the lease. */
export async function specOf(context: DispatchContext, lease: Lease): Promise<JobSpec | null> {
  return specsOf(await claimedJobs(context, [lease]), [lease]).get(lease.leaseId) ?? null;
}

/** One statement, whose text is the same for one job and for a hundred. */
export function claimUpdate(context: DispatchContext, leases: readonly Lease[], onlyIfFirst: Opening | null) {
  const claims = JSON.stringify(
    leases.map(({ jobId, attempt, leaseId, agentId }) => ({
      jobId,
      attempt,
      leaseId,
      agentId,
      message: `Assigned to ${context.sockets.of(agentId)?.agent.name}`,
    })),
  );
  const of = (field: keyof Lease | "message") => sql`claims.value ->> ${sql.raw(`'$.${field}'`)}`;
  const transition = claimTransition({
    attempt: of("attempt"),
    leaseId: of("leaseId"),
    agentId: of("agentId"),
    message: of("message"),
    now: context.now(),
  });
  return context.db
    .update(jobs)
    .set(transition.set)
    .from(sql`json_each(${claims}) AS claims`)
    .where(
      and(
        eq(jobs.id, of("jobId")),
        eq(jobs.attempt, sql`${of("attempt")} - 1`),
        STILL_WAITS,
        onlyIfFirst === null ? undefined : nothingAhead(context, onlyIfFirst),
      ),
    );
}

function nothingAhead(context: DispatchContext, { choices, met }: Opening): SQL {
  const ahead = alias(jobs, "ahead");
  return notExists(
    context.db
      .select({ one: sql`1` })
      .from(ahead)
      .where(
        and(
          eq(ahead.pool, context.pool),
          inArray(ahead.engine, [...choices]),
          lt(ahead.rank, jobs.rank),
          IS_WAITING,
          needsOnly(met, ahead),
          or(isNull(ahead.nextAttemptAt), lte(ahead.nextAttemptAt, context.now())),
        ),
      ),
  );
}

interface ClaimedRow {
  readonly leaseId: string | null;
  readonly url: string | null;
  readonly options: JobOptions;
  readonly retryOf: string | null;
  readonly uploadSize: number | null;
  readonly uploadSha256: string | null;
  /** Of a job of several uploads: a JSON array. */
  readonly uploadSizes: string | null;
}

function claimedJobs(context: DispatchContext, leases: readonly Lease[]) {
  const ids = JSON.stringify(leases.map(({ jobId }) => jobId));
  const { leaseId, sourceUrl: url, options, retryOf } = jobs;
  const uploadSizes = sql<string | null>`iif(${jobs.uploadIds} IS NULL, NULL,
    (SELECT json_group_array(size) FROM uploads WHERE id IN (SELECT value FROM json_each(${jobs.uploadIds}))))`;
  return context.db
    .select({
      leaseId,
      url,
      options,
      retryOf,
      uploadSize: uploads.size,
      uploadSha256: uploads.sha256,
      uploadSizes,
    })
    .from(jobs)
    .leftJoin(uploads, eq(uploads.id, jobs.uploadId))
    .where(inArray(jobs.id, sql`(SELECT value FROM json_each(${ids}))`));
}

function specsOf(rows: readonly ClaimedRow[], leases: readonly Lease[]): Map<string, JobSpec> {
  const wanted = new Set(leases.map(({ leaseId }) => leaseId));
  return new Map(
    rows.flatMap((row) => {
      const { leaseId, options, retryOf } = row;
      if (leaseId === null || !wanted.has(leaseId)) return [];
      return [[leaseId, { source: sourceOf(row), options, retry_of: retryOf }] as const];
    }),
  );
}

/** Where the agent gets the input. Several uploads are one archive to it. */
function sourceOf({ url, uploadSize, uploadSha256, uploadSizes }: ClaimedRow): JobSource {
  if (url !== null) return { kind: "url", url };
  if (uploadSizes !== null) return { kind: "upload", size: joinedSize(JSON.parse(uploadSizes) as number[]) };
  return { kind: "upload", size: uploadSize ?? 0, ...(uploadSha256 !== null && { sha256: uploadSha256 }) };
}
