import { DEFAULT_POOL } from "@splatt/shared";
import { sql } from "drizzle-orm";
import { database } from "../db/database.ts";
import { IS_LEASED, IS_WAITING_AFTER_LOSS } from "../db/job-predicates.ts";
import { dispatcherOf } from "../dispatch/dispatcher-client.ts";
import type { Env } from "../env.ts";
import { log } from "../log.ts";
import { purgeSessions } from "../sessions/sessions.ts";
import { purgeLeftovers } from "./purge.ts";

/** Runs once a minute: each Dispatcher finds what it missed, and leftovers are removed. */
export async function runScheduled(env: Env): Promise<void> {
  const db = database(env.DB);
  const pools = await db.all<{ pool: string }>(
    sql`SELECT pool FROM agents
        UNION SELECT pool FROM jobs WHERE ${IS_LEASED}
        UNION SELECT pool FROM jobs WHERE ${IS_WAITING_AFTER_LOSS}
        UNION SELECT ${DEFAULT_POOL}`,
  );
  const work = [
    ...pools.map(({ pool }) => dispatcherOf(env, pool).tick()),
    purgeLeftovers(db, env.BUCKET, Date.now()),
    purgeSessions(env, Date.now()),
  ];
  for (const outcome of await Promise.allSettled(work)) {
    if (outcome.status === "rejected") log("error", "scheduled work failed", {}, outcome.reason);
  }
}
