import { type SQL, sql } from "drizzle-orm";

/**
 * The conditions of the partial indexes on `jobs`. SQLite uses such an index only for a query that repeats its
 * condition in literals, so queries and schema share these texts. Columns are unqualified: in a subquery they mean
 * the innermost table.
 */

/** The job waits for an agent; index `jobs_queue`. */
export const IS_WAITING: SQL = sql.raw("status = 'queued' AND lease_id IS NULL");

/** The same of a job whose id is given. The `+` has the job found by its id (has-status.ts). */
export const STILL_WAITS: SQL = sql.raw("+status = 'queued' AND lease_id IS NULL");

/** The job waits for another agent after it lost one; index `jobs_lost`. */
export const IS_WAITING_AFTER_LOSS: SQL = sql.raw(
  "status = 'queued' AND lease_id IS NULL AND lost_leases > 0",
);

/** An agent holds the job; index `jobs_leased`. */
export const IS_LEASED: SQL = sql.raw(
  "lease_id IS NOT NULL AND status NOT IN ('completed', 'failed', 'cancelled')",
);

/** The job has results that retention may remove; index `jobs_kept_results`. */
export const KEEPS_RESULTS: SQL = sql.raw(
  "status = 'completed' AND results_purged_at IS NULL AND pinned = 0",
);

/** The job is not in the default pool; index `jobs_pool`. */
export const IN_NAMED_POOL: SQL = sql.raw("pool <> 'default'");
