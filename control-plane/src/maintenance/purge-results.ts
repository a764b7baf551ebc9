import { and, eq, exists, isNotNull, lte, sql } from "drizzle-orm";
import { type Database, withRetry } from "../db/database.ts";
import { KEEPS_RESULTS } from "../db/job-predicates.ts";
import { jobs, results, shares, tombstones } from "../db/schema.ts";

/** Jobs that ended at `cutoff` or before, and still have results that nobody pinned; index `jobs_kept_results`. */
export async function jobsWithDueResults(db: Database, cutoff: number, limit: number): Promise<string[]> {
  // SQLite would rather read all completed jobs by their status and sort them.
  const due = await db.all<{ id: string }>(
    sql`SELECT id FROM jobs INDEXED BY jobs_kept_results
        WHERE ${KEEPS_RESULTS} AND ended_at <= ${cutoff} ORDER BY ended_at LIMIT ${limit}`,
  );
  return due.map(({ id }) => id);
}

/**
 * Removes the results of a job, unless it was pinned meanwhile. The batch takes back every promise of them; the
 * tombstone then has their objects removed, as of a deleted job.
 */
export async function purgeResults(
  db: Database,
  jobId: string,
  { cutoff, now }: { readonly cutoff: number; readonly now: number },
): Promise<void> {
  const purged = db
    .select({
      jobId: jobs.id,
      // No attempt has put anything since the job ended.
      deletedAt: sql<number>`${jobs.endedAt}`.as("deleted_at"),
      purgeAt: sql<number>`${now}`.as("purge_at"),
    })
    .from(jobs)
    .where(and(eq(jobs.id, jobId), isNotNull(jobs.resultsPurgedAt)));
  await withRetry(() =>
    db.batch([
      db
        .update(jobs)
        .set({ resultsPurgedAt: now, version: sql`${jobs.version} + 1` })
        .where(and(eq(jobs.id, jobId), KEEPS_RESULTS, lte(jobs.endedAt, cutoff))),
      db.insert(tombstones).select(purged).onConflictDoNothing(),
      db.delete(results).where(and(eq(results.jobId, jobId), exists(purged))),
      db.delete(shares).where(and(eq(shares.jobId, jobId), exists(purged))),
    ]),
  );
}
