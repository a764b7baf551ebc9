import { DEFAULT_POOL } from "@splatt/shared";
import { sql } from "drizzle-orm";
import { database } from "../db/database.ts";
import { dispatcherOf } from "../dispatch/stub.ts";
import type { Env } from "../env.ts";
import { errorText, log } from "../log.ts";
import { purgeLeftovers } from "./purge.ts";

/** Once a minute: wakes each pool's Dispatcher, so that nothing stays missed, and clears leftovers. */
export async function runScheduled(env: Env): Promise<void> {
  const db = database(env.DB);
  const pools = await db.all<{ pool: string }>(
    sql`SELECT pool FROM agents
        UNION SELECT pool FROM jobs
          WHERE lease_id IS NOT NULL AND status NOT IN ('completed', 'failed', 'cancelled')
        UNION SELECT pool FROM jobs
          WHERE status = 'queued' AND lease_id IS NULL AND lost_leases > 0
        UNION SELECT ${DEFAULT_POOL}`,
  );
  const work = [
    ...pools.map(({ pool }) => dispatcherOf(env, pool).tick()),
    purgeLeftovers(db, env.BUCKET, Date.now()),
  ];
  for (const outcome of await Promise.allSettled(work)) {
    if (outcome.status === "rejected")
      log("error", "scheduled work failed", { error: errorText(outcome.reason) });
  }
}
