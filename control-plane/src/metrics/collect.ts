import { ACTIVE_STATUSES, ALARM_KINDS, parallelJobs, TERMINAL_STATUSES } from "@splatt/shared";
import { lte, sql } from "drizzle-orm";
import manifest from "../../package.json" with { type: "json" };
import { type Database, database } from "../db/database.ts";
import {
  type AlarmRow,
  agents,
  alarms,
  type JobCountRow,
  jobCounts,
  tombstones,
  uploads,
} from "../db/schema.ts";
import type { Env } from "../env.ts";
import { countPending } from "../webhooks/outbox.ts";
import type { HistogramSample, Metric, Sample } from "./exposition.ts";

/** A backlog is counted as far as this; one more means that it is longer. */
export const MOST_COUNTED = 10_000;

/**
 * Collects the metrics for Prometheus. The cost does not grow with the number of jobs: triggers count what happens to
 * jobs, in the rows of `job_counts` that they write anyway.
 */
export async function collectMetrics(env: Env, now: number): Promise<Metric[]> {
  const db = database(env.DB);
  const [counts, boxes, deleted, expired, pending, raised] = await Promise.all([
    db.select().from(jobCounts),
    db
      .select({
        pool: agents.pool,
        connected: agents.connected,
        offer: agents.offer,
        quarantinedAt: agents.quarantinedAt,
      })
      .from(agents),
    countDue(
      db,
      db
        .select({ due: sql`1`.as("due") })
        .from(tombstones)
        .where(lte(tombstones.purgeAt, now))
        .limit(MOST_COUNTED + 1),
    ),
    countDue(
      db,
      db
        .select({ due: sql`1`.as("due") })
        .from(uploads)
        .where(lte(uploads.expiresAt, now))
        .limit(MOST_COUNTED + 1),
    ),
    countPending(db, MOST_COUNTED + 1),
    db.select({ kind: alarms.kind, pool: alarms.pool }).from(alarms),
  ]);
  const capped = `${MOST_COUNTED + 1} means more than ${MOST_COUNTED}.`;
  return [
    gauge("splatt_build_info", "The version that runs.", [
      { labels: { version: manifest.version }, value: 1 },
    ]),
    ...jobMetrics(counts),
    ...agentMetrics(boxes),
    gauge("splatt_alarms", "Alarms that hold, by kind and pool.", alarmSamples(raised)),
    gauge("splatt_webhook_deliveries_pending", `Webhooks that are still to be delivered. ${capped}`, [
      { value: pending },
    ]),
    gauge("splatt_purge_pending", `What the scheduled purge has yet to remove. ${capped}`, [
      { labels: { kind: "deleted_jobs" }, value: deleted },
      { labels: { kind: "uploads" }, value: expired },
    ]),
  ];
}

function jobMetrics(counts: readonly JobCountRow[]): Metric[] {
  const byStatus = new Map(counts.map((row) => [row.status, row]));
  const queued = byStatus.get("queued");
  const failures = Object.entries(byStatus.get("failed")?.errorCodes ?? {});
  return [
    gauge(
      "splatt_jobs",
      "Jobs by status.",
      counts.map(({ status, jobs }) => ({ labels: { status }, value: jobs })),
    ),
    counter("splatt_jobs_created_total", "Jobs that were created.", [{ value: queued?.entered ?? 0 }]),
    counter(
      "splatt_jobs_ended_total",
      "Jobs that ended, by how.",
      TERMINAL_STATUSES.map((status) => ({ labels: { status }, value: byStatus.get(status)?.entered ?? 0 })),
    ),
    counter(
      "splatt_job_failures_total",
      "Jobs that failed, by the code of the failure.",
      failures.map(([code, value]) => ({ labels: { code }, value })),
    ),
    {
      type: "histogram",
      name: "splatt_job_queue_seconds",
      help: "Seconds that jobs waited until an agent began with them.",
      samples: queued === undefined ? [] : [histogram(queued)],
    },
    {
      type: "histogram",
      name: "splatt_job_stage_seconds",
      help: "Seconds that finished stages took.",
      samples: ACTIVE_STATUSES.flatMap((stage) => {
        const row = byStatus.get(stage);
        return row === undefined ? [] : [{ labels: { stage }, ...histogram(row) }];
      }),
    },
  ];
}

function histogram(row: JobCountRow): HistogramSample {
  return {
    buckets: [
      [10, row.within10s],
      [60, row.within1min],
      [300, row.within5min],
      [1200, row.within20min],
      [3600, row.within1h],
      [14400, row.within4h],
    ],
    count: row.finished,
    sum: row.finishedMs / 1000,
  };
}

/** Each kind is there also when nothing is wrong, so that a rule on it can be written before something is. */
function alarmSamples(raised: readonly Pick<AlarmRow, "kind" | "pool">[]): Sample[] {
  return ALARM_KINDS.flatMap((kind) => {
    const pools = Map.groupBy(
      raised.filter((alarm) => alarm.kind === kind),
      ({ pool }) => pool ?? "",
    );
    if (pools.size === 0) return [{ labels: { kind, pool: "" }, value: 0 }];
    return Array.from(pools, ([pool, alarms]) => ({ labels: { kind, pool }, value: alarms.length }));
  });
}

type Box = Pick<typeof agents.$inferSelect, "pool" | "connected" | "offer" | "quarantinedAt">;

function agentMetrics(boxes: readonly Box[]): Metric[] {
  const pools = [...Map.groupBy(boxes, ({ pool }) => pool)];
  const perPool = (name: string, help: string, numberOf: (box: Box) => number) =>
    gauge(
      name,
      help,
      pools.map(([pool, ofPool]) => ({
        labels: { pool },
        value: ofPool.reduce((sum, box) => sum + numberOf(box), 0),
      })),
    );
  const offered = (numberOf: (offer: NonNullable<Box["offer"]>) => number) => (box: Box) =>
    box.connected && box.quarantinedAt === null && box.offer !== null ? numberOf(box.offer) : 0;
  return [
    perPool("splatt_agents", "Registered agents.", () => 1),
    perPool("splatt_agents_quarantined", "Agents that get no jobs, because theirs failed in a row.", (box) =>
      Number(box.quarantinedAt !== null),
    ),
    perPool("splatt_agents_connected", "Agents that are connected.", ({ connected }) => Number(connected)),
    perPool(
      "splatt_gpus_connected",
      "GPUs of connected agents.",
      offered(({ gpus }) => gpus.length),
    ),
    perPool("splatt_agent_slots", "Jobs that connected agents train at once.", offered(parallelJobs)),
  ];
}

async function countDue(db: Database, some: ReturnType<typeof sql> | { getSQL(): ReturnType<typeof sql> }) {
  const [row] = await db.all<{ due: number }>(sql`SELECT count(*) AS due FROM (${some})`);
  return row?.due ?? 0;
}

function gauge(name: string, help: string, samples: readonly Sample[]): Metric {
  return { type: "gauge", name, help, samples };
}

function counter(name: string, help: string, samples: readonly Sample[]): Metric {
  return { type: "counter", name, help, samples };
}
