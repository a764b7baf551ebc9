import { type AlarmView, offsetUtc } from "@splatt/shared";
import { asc, eq } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { type AlarmRow, alarms } from "../db/schema.ts";
import type { Principal } from "../keys/principal.ts";

/** The alarms that a key sees: those of its pool, if it has one. The oldest first. */
export async function alarmsInReach(db: Database, { pool }: Pick<Principal, "pool">): Promise<AlarmView[]> {
  const rows = await db
    .select()
    .from(alarms)
    .where(pool === null ? undefined : eq(alarms.pool, pool))
    .orderBy(asc(alarms.since));
  return rows.map(toView);
}

function toView({ kind, pool, agentId, message, since }: AlarmRow): AlarmView {
  return { kind, pool, agent_id: agentId, message, since: offsetUtc(since) };
}
