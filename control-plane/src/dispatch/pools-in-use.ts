import { DEFAULT_POOL } from "@splatt/shared";
import { sql } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { IS_LEASED, IS_WAITING_AFTER_LOSS } from "../db/job-predicates.ts";

/** The pools whose Dispatchers have something to do. */
export async function poolsInUse(db: Database): Promise<string[]> {
  const rows = await db.all<{ pool: string }>(
    sql`SELECT pool FROM agents
        UNION SELECT pool FROM jobs WHERE ${IS_LEASED}
        UNION SELECT pool FROM jobs WHERE ${IS_WAITING_AFTER_LOSS}
        UNION SELECT ${DEFAULT_POOL}`,
  );
  return rows.map(({ pool }) => pool);
}
