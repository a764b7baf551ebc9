import { type SQL, sql } from "drizzle-orm";

/** The conditions of the partial indexes on `webhook_deliveries`, as in job-predicates.ts. */

/** The delivery is still to be made; index `webhook_deliveries_pending`. */
export const IS_PENDING: SQL = sql.raw("next_attempt_at IS NOT NULL");

/** The delivery was made or given up; index `webhook_deliveries_history`. */
export const IS_SETTLED: SQL = sql.raw("next_attempt_at IS NULL");
