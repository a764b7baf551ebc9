import type { EngineChoice, JobOptions, JobSource, JobSpec } from "@splatt/shared";
import { and, eq, inArray, isNull, lt, lte, notExists, or, type SQL, sql } from "drizzle-orm";
import { alias } from "drizzle-orm/sqlite-core";
import { jobs, uploads } from "../db/schema.ts";
import { errorText, log } from "../log.ts";
import type { Hub } from "./hub.ts";
import type { Lease } from "./lease-table.ts";
import { headOfQueue, inOrder, type Opening, type WaitingJob } from "./queue.ts";

export interface Claimed {
  /** By lease: the jobs that are ours now, and what their agents are to do. */
  readonly specs: ReadonlyMap<string, JobSpec>;
  /** What waits behind them; null when D1 did not say. */
  readonly next: readonly WaitingJob[] | null;
}

/**
 * Claims many jobs in one call of D1, whose way there and back is most of what a claim takes, and reads in the same
 * transaction which of them are ours now and what is left for the `opening` that remains.
 *
 * @param leases `claiming` rows that are in the lease table already
 * @param onlyIfFirst jobs of these choices must not be waiting before the ones that are claimed
 */
export async function claim(
  hub: Hub,
  leases: readonly Lease[],
  opening: Opening,
  onlyIfFirst: readonly EngineChoice[] | null,
): Promise<Claimed> {
  const ours = claimedJobs(hub, leases);
  try {
    const [, rows, ...pages] = await hub.db.batch([
      claimUpdate(hub, leases, onlyIfFirst),
      ours,
      ...headOfQueue(hub, opening),
    ]);
    return { specs: specsOf(rows, leases), next: inOrder(pages, opening) };
  } catch (error) {
    // A lost reply is not a lost claim: the rows tell. Without an answer the `claiming` rows stay for settling.
    log("warn", "claiming jobs: no answer from D1", { jobs: leases.length, error: errorText(error) });
    return { specs: specsOf(await ours, leases), next: null };
  }
}

/** What the agent is to do for a lease; null when D1 does not know the lease. */
export async function specOf(hub: Hub, lease: Lease): Promise<JobSpec | null> {
  return specsOf(await claimedJobs(hub, [lease]), [lease]).get(lease.leaseId) ?? null;
}

/** One statement for all, so that it is the same for one job and for a hundred. */
export function claimUpdate(hub: Hub, leases: readonly Lease[], onlyIfFirst: readonly EngineChoice[] | null) {
  const now = hub.now();
  const claims = JSON.stringify(
    leases.map(({ jobId, attempt, leaseId, agentId }) => ({
      jobId,
      attempt,
      leaseId,
      agentId,
      message: `Assigned to ${hub.sockets.of(agentId)?.agent.name}`,
    })),
  );
  const of = (field: keyof Lease | "message") => sql`claims.value ->> ${sql.raw(`'$.${field}'`)}`;
  return hub.db
    .update(jobs)
    .set({
      attempt: of("attempt"),
      leaseId: of("leaseId"),
      agentId: of("agentId"),
      lostLeaseId: null,
      progress: 0,
      lastSeq: 0,
      etaSeconds: null,
      nextAttemptAt: null,
      message: of("message"),
      updatedAt: now,
      startedAt: sql`coalesce(${jobs.startedAt}, ${now})`,
    })
    .from(sql`json_each(${claims}) AS claims`)
    .where(
      and(
        eq(jobs.id, of("jobId")),
        eq(jobs.attempt, sql`${of("attempt")} - 1`),
        // A literal: for a parameter that a partial index may depend on, SQLite plans the statement anew each time.
        sql`${jobs.status} = 'queued'`,
        isNull(jobs.leaseId),
        onlyIfFirst === null ? undefined : nothingAhead(hub, onlyIfFirst),
      ),
    );
}

function nothingAhead(hub: Hub, choices: readonly EngineChoice[]): SQL {
  const ahead = alias(jobs, "ahead");
  return notExists(
    hub.db
      .select({ one: sql`1` })
      .from(ahead)
      .where(
        and(
          eq(ahead.pool, hub.pool),
          inArray(ahead.engine, [...choices]),
          lt(ahead.rank, jobs.rank),
          // Literals, as everywhere that the partial index `jobs_queue` is meant.
          sql`${ahead.status} = 'queued' AND ${ahead.leaseId} IS NULL`,
          or(isNull(ahead.nextAttemptAt), lte(ahead.nextAttemptAt, hub.now())),
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
}

function claimedJobs(hub: Hub, leases: readonly Lease[]) {
  const ids = JSON.stringify(leases.map(({ jobId }) => jobId));
  const { leaseId, sourceUrl: url, options, retryOf } = jobs;
  return hub.db
    .select({ leaseId, url, options, retryOf, uploadSize: uploads.size })
    .from(jobs)
    .leftJoin(uploads, eq(uploads.id, jobs.uploadId))
    .where(inArray(jobs.id, sql`(SELECT value FROM json_each(${ids}))`));
}

function specsOf(rows: readonly ClaimedRow[], leases: readonly Lease[]): Map<string, JobSpec> {
  const wanted = new Set(leases.map(({ leaseId }) => leaseId));
  return new Map(
    rows.flatMap(({ leaseId, url, options, retryOf, uploadSize }) => {
      if (leaseId === null || !wanted.has(leaseId)) return [];
      const source: JobSource =
        url === null ? { kind: "upload", size: uploadSize ?? 0 } : { kind: "url", url };
      return [[leaseId, { source, options, retry_of: retryOf }] as const];
    }),
  );
}
