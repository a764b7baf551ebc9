import { checkAlarms } from "../alarms/check-alarms.ts";
import { type Database, database } from "../db/database.ts";
import { dispatcherOf } from "../dispatch/dispatcher-client.ts";
import { poolsInUse } from "../dispatch/pools-in-use.ts";
import type { Env } from "../env.ts";
import { log } from "../log.ts";
import { purgeSessions } from "../sessions/sessions.ts";
import { wakeDueReceivers } from "../webhooks/receiver-sweep.ts";
import { wakeSenders } from "../webhooks/wake.ts";
import { purgeLeftovers } from "./purge.ts";
import { retentionOf } from "./retention-settings.ts";

/** Runs once a minute: each Dispatcher finds what it missed, and leftovers are removed. */
export async function runScheduled(env: Env): Promise<void> {
  const db = database(env.DB);
  const pools = await poolsInUse(db);
  const work = [
    ...pools.map((pool) => dispatcherOf(env, pool).tick()),
    checkAlarms(db, Date.now()).finally(() => deliverMissedWebhooks(env, db)),
    purgeLeftovers(db, env.BUCKET, Date.now(), retentionOf(env)),
    purgeSessions(env, Date.now()),
  ];
  for (const outcome of await Promise.allSettled(work)) {
    if (outcome.status === "rejected") log("error", "scheduled work failed", {}, outcome.reason);
  }
}

async function deliverMissedWebhooks(env: Env, db: Database): Promise<void> {
  await wakeDueReceivers(db, Date.now(), (receivers) => wakeSenders(env, receivers));
}
