import { DEFAULT_POOL, isTerminal, type JobStatus, type ListJobsQuery, labelTexts } from "@splatt/shared";
import { and, desc, eq, gte, inArray, lt, type SQL, sql } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { IN_NAMED_POOL } from "../db/job-predicates.ts";
import { type JobRow, jobCounts, jobLabels, jobs } from "../db/schema.ts";
import type { Principal } from "../keys/principal.ts";

/** Which jobs are listed: those that all filters match. */
export interface JobFilters {
  readonly taskId: string | null;
  /** Several pools match nothing. */
  readonly pools: readonly string[];
  /** All of them, as `key=value`. */
  readonly labels: readonly string[];
  /** One of them; none is any. */
  readonly statuses: readonly JobStatus[];
  /** Epoch milliseconds: from the first, before the second. */
  readonly createdFrom: number | null;
  readonly createdBefore: number | null;
}

export interface JobPage {
  /** Newest first. */
  readonly jobs: readonly JobRow[];
  /** Continues after this page; null when there is nothing more. */
  readonly nextCursor: number | null;
}

/** How many jobs a page looks at, when an index alone does not tell which of them match. */
const MOST_EXAMINED = 2000;
/** How far apart the clocks are that give jobs their `created_at`. */
const CLOCK_SKEW_MS = 5 * 60_000;

/** What a query asks for, of what its sender may see. */
export function toFilters(query: ListJobsQuery, { pool, labels }: Principal): JobFilters {
  return {
    taskId: query.task_id ?? null,
    pools: [...new Set([query.pool ?? [], pool ?? []].flat())],
    labels: [...new Set([...labelTexts(labels ?? {}), ...(query.label ?? [])])],
    statuses: [...new Set(query.status ?? [])],
    createdFrom: query.created_after ?? null,
    createdBefore: query.created_before ?? null,
  };
}

/**
 * A page of jobs. One index gives the candidates, in order; the other filters are tested on each. A page that examined
 * its share of candidates ends there, however few matched, and its cursor continues: so no filter reads a table of
 * jobs from end to end.
 */
export async function listJobs(
  db: Database,
  filters: JobFilters,
  {
    limit,
    cursor = Number.MAX_SAFE_INTEGER,
  }: { readonly limit: number; readonly cursor?: number | undefined },
): Promise<JobPage> {
  if (limit === 0 || filters.pools.length > 1) return { jobs: [], nextCursor: null };
  const { candidates, tests } = planOf(filters, await rangeOf(db, filters, cursor));
  // One more than asked for tells whether there is a next page.
  const wanted = limit + 1;
  const isExact = tests.length === 0;
  const matching = isExact
    ? sql`${candidates} LIMIT ${wanted}`
    : sql`SELECT candidate.seq FROM (${candidates} LIMIT ${MOST_EXAMINED}) AS candidate
          CROSS JOIN jobs ON jobs.seq = candidate.seq WHERE ${and(...tests)} ORDER BY candidate.seq DESC LIMIT ${wanted}`;
  const page = db.select().from(jobs).where(sql`${jobs.seq} IN (${matching})`).orderBy(desc(jobs.seq));
  const lastExamined = db
    .select({ seq: jobs.seq })
    .from(jobs)
    .where(sql`${jobs.seq} = (${candidates} LIMIT 1 OFFSET ${MOST_EXAMINED - 1})`);
  // Together, so that both see the same jobs.
  const [found, [last]] = isExact ? [await page, []] : await db.batch([page, lastExamined]);
  if (found.length < wanted) return { jobs: found, nextCursor: last?.seq ?? null };
  const shown = found.slice(0, limit);
  return { jobs: shown, nextCursor: shown.at(-1)?.seq ?? null };
}

/** How many jobs there are; null where that is not counted. */
export async function countJobs(db: Database, filters: JobFilters): Promise<number | null> {
  const { taskId, pools, labels, statuses, createdFrom, createdBefore } = filters;
  const isCounted = taskId === null && pools.length === 0 && labels.length === 0;
  if (!isCounted || createdFrom !== null || createdBefore !== null) return null;
  const counts = await db.select().from(jobCounts);
  return counts
    .filter(({ status }) => statuses.length === 0 || statuses.includes(status))
    .reduce((sum, { jobs }) => sum + jobs, 0);
}

/** `seq` from the first number, before the second. */
interface SeqRange {
  readonly from: number;
  readonly before: number;
}

interface Plan {
  /** Selects `seq`, newest first, along one index. */
  readonly candidates: SQL;
  /** The filters that the index does not serve. */
  readonly tests: readonly SQL[];
}

function planOf(filters: JobFilters, { from, before }: SeqRange): Plan {
  const tests = testsOf(filters);
  const along = (index: keyof typeof tests, condition: SQL): Plan => ({
    candidates: sql`SELECT seq FROM jobs WHERE ${condition} AND seq < ${before} AND seq >= ${from} ORDER BY seq DESC`,
    tests: Object.entries(tests).flatMap(([name, test]) => (name === index ? [] : test)),
  });
  const { taskId, pools, labels, statuses } = filters;
  const [pool = DEFAULT_POOL] = pools;
  const [label] = labels;
  if (taskId !== null) return along("taskId", sql`task_id = ${taskId}`);
  if (label !== undefined) {
    const candidates = sql`SELECT seq FROM job_labels WHERE label = ${label} AND seq < ${before} AND seq >= ${from}
                           ORDER BY seq DESC`;
    return { candidates, tests: [...along("labels", sql``).tests, ...tests.labels.slice(1)] };
  }
  // Few jobs have not ended, so that the index of statuses is better for these.
  const isOpen = statuses.length > 0 && !statuses.some(isTerminal);
  if (pool !== DEFAULT_POOL && !isOpen) return along("pools", sql`pool = ${pool} AND ${IN_NAMED_POOL}`);
  if (statuses.length > 0) {
    const parts = statuses.map(
      (status) => sql`SELECT seq FROM jobs WHERE status = ${status} AND seq < ${before} AND seq >= ${from}`,
    );
    const candidates = sql`${sql.join(parts, sql` UNION ALL `)} ORDER BY seq DESC`;
    return { candidates, tests: along("statuses", sql``).tests };
  }
  return along("none", sql`TRUE`);
}

function testsOf({ taskId, pools, labels, statuses, createdFrom, createdBefore }: JobFilters) {
  const hasLabel = (label: string) =>
    sql`EXISTS (SELECT 1 FROM ${jobLabels} WHERE label = ${label} AND seq = jobs.seq)`;
  return {
    none: [],
    taskId: taskId === null ? [] : [eq(jobs.taskId, taskId)],
    pools: pools.map((pool) => eq(jobs.pool, pool)),
    labels: labels.map(hasLabel),
    statuses: statuses.length === 0 ? [] : [inArray(jobs.status, [...statuses])],
    created: [
      ...(createdFrom === null ? [] : [gte(jobs.createdAt, createdFrom)]),
      ...(createdBefore === null ? [] : [lt(jobs.createdAt, createdBefore)]),
    ],
  };
}

/**
 * Where the jobs of a time lie. An index on `created_at` would cost every job a row; `seq` follows the time as closely
 * as the clocks agree, so a binary search finds the place.
 */
async function rangeOf(
  db: Database,
  { createdFrom, createdBefore }: JobFilters,
  cursor: number,
): Promise<SeqRange> {
  if (createdFrom === null && createdBefore === null) return { from: 0, before: cursor };
  const [found] = await db.all<SeqRange>(
    sql`SELECT ${createdFrom === null ? 0 : firstSince(createdFrom - CLOCK_SKEW_MS)} AS "from",
               ${createdBefore === null ? cursor : firstSince(createdBefore + CLOCK_SKEW_MS)} AS "before"`,
  );
  return { from: found?.from ?? 0, before: Math.min(cursor, found?.before ?? cursor) };
}

/** The `seq` of the first job that was created at `time` or later; after the last one when there is none. */
function firstSince(time: number): SQL {
  const middle = sql.raw("(low + high) / 2");
  const isEarlier = sql`(SELECT created_at FROM jobs WHERE seq >= ${middle} ORDER BY seq LIMIT 1) < ${time}`;
  return sql`(
    WITH RECURSIVE search (low, high) AS (
      SELECT 0, coalesce(max(seq), 0) + 1 FROM jobs
      UNION ALL
      SELECT iif(${isEarlier}, ${middle} + 1, low), iif(${isEarlier}, high, ${middle}) FROM search WHERE low < high
    )
    SELECT low FROM search WHERE low = high
  )`;
}
