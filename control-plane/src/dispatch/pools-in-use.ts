import { DEFAULT_POOL } from "@splatt/shared";
import { sql } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { IS_LEASED, IS_WAITING_AFTER_LOSS } from "../db/job-predicates.ts";

/** The pools whose Dispatchers have something to do. */
export async function poolsInUse(db: Database): Promise<string[]> {
  const rows = await db.all<{ pool: string }>(
    sql`SELECT pool FROM agents
        UNION SELECT pool FROM jobs WHERE ${IS_LEASED}
        UNION SELECT pool FROM jobs INDEXED BY jobs_lost WHERE ${IS_WAITING_AFTER_LOSS}
        UNION SELECT ${DEFAULT_POOL}`,
  );
  return rows.map(({ pool }) => pool);
}

/** Every pool that has agents or jobs, found by jumping along the index: as quick as there are pools, not jobs. */
export async function allPools(db: Database): Promise<string[]> {
  const rows = await db.all<{ pool: string }>(
    sql`WITH RECURSIVE of_jobs(pool) AS (
          SELECT min(pool) FROM jobs WHERE pool <> 'default'
          UNION ALL
          SELECT (SELECT min(next.pool) FROM jobs AS next WHERE next.pool <> 'default' AND next.pool > of_jobs.pool)
          FROM of_jobs WHERE of_jobs.pool IS NOT NULL)
        SELECT pool FROM of_jobs WHERE pool IS NOT NULL
        UNION SELECT pool FROM agents
        UNION SELECT ${DEFAULT_POOL}`,
  );
  return rows.map(({ pool }) => pool);
}
