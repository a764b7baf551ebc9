import { type AlarmPayload, offsetUtc } from "@splatt/shared";
import { and, eq, isNotNull, isNull, sql } from "drizzle-orm";
import { type Database, withRetry } from "../db/database.ts";
import { IS_WAITING } from "../db/job-predicates.ts";
import { type AlarmRow, agents, alarms, webhookDeliveries, webhooks } from "../db/schema.ts";
import { allPools } from "../dispatch/pools-in-use.ts";
import { log } from "../log.ts";
import { type Alarm, alarmChanges, currentAlarms, type Situation } from "./current-alarms.ts";

/** How many alarms begin or end in one pass, so that a pass is bounded; the next one continues. */
const CHANGES_AT_ONCE = 50;

/**
 * Compares the alarms that hold with those that are known. An alarm that begins or ends is written in one transaction
 * with the webhook events that report it.
 */
export async function checkAlarms(db: Database, now: number): Promise<void> {
  const known = await db.select().from(alarms);
  const { begun, ended } = alarmChanges(known, currentAlarms(await situationOf(db, now)));
  for (const alarm of begun.slice(0, CHANGES_AT_ONCE)) await begin(db, alarm, now);
  for (const alarm of ended.slice(0, CHANGES_AT_ONCE)) await end(db, alarm, now);
}

async function situationOf(db: Database, now: number): Promise<Situation> {
  const { id, name, pool, connected, offer, lastSeenAt, faults, quarantinedAt } = agents;
  const [all, waiting, failing] = await Promise.all([
    db.select({ id, name, pool, connected, offer, lastSeenAt, faults, quarantinedAt }).from(agents),
    firstWaiting(db),
    db
      .select({ id: webhooks.id, since: webhooks.failingSince })
      .from(webhooks)
      .where(and(isNotNull(webhooks.failingSince), isNull(webhooks.disabledAt))),
  ]);
  const failingWebhooks = failing.flatMap(({ id, since }) => (since === null ? [] : [{ id, since }]));
  return { now, agents: all, waiting, failingWebhooks };
}

/** The first waiting job of each pool, one row along the queue's index for each engine choice. */
async function firstWaiting(db: Database): Promise<Situation["waiting"]> {
  const pools = JSON.stringify(await allPools(db));
  return db.all<{ pool: string; since: number }>(sql`
    SELECT pools.value AS pool, first.created_at AS since FROM json_each(${pools}) AS pools
    JOIN jobs AS first ON first.seq = (
      SELECT seq FROM jobs WHERE jobs.pool = pools.value AND ${IS_WAITING} LIMIT 1)`);
}

async function begin(db: Database, alarm: Alarm, now: number): Promise<void> {
  const row: AlarmRow = { ...alarm, id: crypto.randomUUID(), since: now };
  const [inserted] = await withRetry(() =>
    db.batch([
      db.insert(alarms).values(row).onConflictDoNothing().returning({ id: alarms.id }),
      tell(db, "agent.alarm", row, now),
    ]),
  );
  if (inserted.length > 0)
    log("warn", "alarm", { kind: alarm.kind, subject: alarm.subject, message: alarm.message });
}

async function end(db: Database, alarm: AlarmRow, now: number): Promise<void> {
  await withRetry(() =>
    db.batch([
      tell(db, "agent.alarm_ended", alarm, now),
      db.delete(alarms).where(and(eq(alarms.kind, alarm.kind), eq(alarms.id, alarm.id))),
    ]),
  );
  log("info", "alarm ended", { kind: alarm.kind, subject: alarm.subject });
}

/**
 * The webhook events of an alarm, while the alarm is there: two concurrent passes report it once. A key that is limited
 * to labels sees no agents.
 */
function tell(db: Database, event: "agent.alarm" | "agent.alarm_ended", alarm: AlarmRow, now: number) {
  const { id, kind, pool, agentId, message, since } = alarm;
  const payload: AlarmPayload = { kind, pool, agent_id: agentId, message, since: offsetUtc(since) };
  const sequence = event === "agent.alarm" ? 1 : 2;
  // The columns of the table, in its order.
  const rows = sql`
    SELECT ${id}, ${sequence}, receiver, event, ${JSON.stringify(payload)}, ${now}, 0, ${now}, NULL, NULL, NULL
    FROM webhook_subscribers
    WHERE event = ${event} AND labels IS NULL
      AND (pool IS NULL OR pool = ${pool})
      AND (expires_at IS NULL OR expires_at > ${now})
      AND EXISTS (SELECT 1 FROM alarms WHERE id = ${id})`;
  return db.insert(webhookDeliveries).select(rows).onConflictDoNothing();
}
