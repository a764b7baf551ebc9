import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { api, createJob, mintAgent } from "../testing/api.ts";
import { newPool } from "../testing/dispatch.ts";
import { mintKey } from "../testing/keys.ts";
import { ScriptedAgent } from "../testing/scripted-agent.ts";
import { StoreMeter } from "../testing/store-meter.ts";
import { expositionOf } from "./exposition.ts";

const TOKEN = "token-of-the-scraper";

beforeEach(() => {
  Object.assign(env, { METRICS_TOKEN: TOKEN });
});
afterEach(() => {
  Object.assign(env, { METRICS_TOKEN: undefined });
});

/** The values of all series. */
async function scrape(): Promise<(series: string) => number> {
  const answer = await api("GET", "/metrics");
  expect(answer.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
  const lines = (await answer.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const values = new Map(lines.map((line) => line.split(/ (?=\S+$)/) as [string, string]));
  return (series) => Number(values.get(series) ?? 0);
}

/** By how much each series grows while `act` runs. */
async function changes(act: () => Promise<void>): Promise<(series: string) => number> {
  const before = await scrape();
  await act();
  const after = await scrape();
  return (series) => after(series) - before(series);
}

/** Moves a job on, as the Dispatcher's statements do, so long after its last change. */
async function becomes(id: string, status: string, seconds: number, more = ""): Promise<void> {
  await env.DB.prepare(`UPDATE jobs SET status = ?1, updated_at = updated_at + ?2 ${more} WHERE id = ?3`)
    .bind(status, seconds * 1000, id)
    .run();
}

describe("the metrics of jobs", () => {
  it("are the times of the queue and of each finished stage", async () => {
    const changed = await changes(async () => {
      const id = await createJob();
      await becomes(id, "queued", 20, ", lease_id = 'l', attempt = 1");
      await becomes(id, "downloading_video", 5);
      await becomes(id, "training", 61);
      // Progress is no change of the status.
      await becomes(id, "training", 4000);
      await becomes(id, "completed", 10_000);
    });
    expect(changed("splatt_jobs_created_total")).toBe(1);
    expect(changed('splatt_jobs_ended_total{status="completed"}')).toBe(1);
    expect(changed('splatt_jobs{status="completed"}')).toBe(1);
    expect(changed("splatt_job_queue_seconds_count")).toBe(1);
    expect(changed("splatt_job_queue_seconds_sum")).toBeCloseTo(25);
    expect(changed('splatt_job_queue_seconds_bucket{le="10"}')).toBe(0);
    expect(changed('splatt_job_queue_seconds_bucket{le="60"}')).toBe(1);
    expect(changed('splatt_job_stage_seconds_sum{stage="downloading_video"}')).toBeCloseTo(61);
    expect(changed('splatt_job_stage_seconds_bucket{stage="downloading_video",le="60"}')).toBe(0);
    expect(changed('splatt_job_stage_seconds_bucket{stage="downloading_video",le="300"}')).toBe(1);
    expect(changed('splatt_job_stage_seconds_sum{stage="training"}')).toBeCloseTo(14_000);
    expect(changed('splatt_job_stage_seconds_bucket{stage="training",le="3600"}')).toBe(0);
    expect(changed('splatt_job_stage_seconds_bucket{stage="training",le="14400"}')).toBe(1);
    expect(changed('splatt_job_stage_seconds_bucket{stage="training",le="+Inf"}')).toBe(1);
  });

  it("measure no stage that was broken off, and each wait of a job that waited twice", async () => {
    const changed = await changes(async () => {
      const id = await createJob();
      await becomes(id, "training", 30);
      await becomes(id, "queued", 500);
      await becomes(id, "training", 7);
      await becomes(id, "failed", 9, ", error_code = 'out_of_memory'");
      const cancelled = await createJob();
      await becomes(cancelled, "cancelled", 60);
    });
    expect(changed('splatt_job_stage_seconds_count{stage="training"}')).toBe(0);
    expect(changed("splatt_job_queue_seconds_count")).toBe(2);
    expect(changed("splatt_job_queue_seconds_sum")).toBeCloseTo(37);
    expect(changed('splatt_job_failures_total{code="out_of_memory"}')).toBe(1);
    expect(changed('splatt_jobs_ended_total{status="failed"}')).toBe(1);
    expect(changed('splatt_jobs_ended_total{status="cancelled"}')).toBe(1);
    expect(changed("splatt_jobs_created_total")).toBe(2);
  });

  it("keep what was counted when the job is deleted", async () => {
    const id = await createJob();
    await becomes(id, "failed", 1, ", error_code = 'engine_crashed'");
    const changed = await changes(async () => {
      await api("DELETE", `/jobs/${id}`);
    });
    expect(changed('splatt_jobs{status="failed"}')).toBe(-1);
    expect(changed('splatt_jobs_ended_total{status="failed"}')).toBe(0);
    expect(changed('splatt_job_failures_total{code="engine_crashed"}')).toBe(0);
  });
});

it("tells of agents by pool, and of backlogs", async () => {
  const pool = newPool();
  const { token } = await mintAgent(pool);
  await mintAgent(pool);
  const agent = await ScriptedAgent.connect(token);
  const changed = await changes(async () => {
    await env.DB.prepare("INSERT INTO tombstones VALUES ('due', 1, 1), ('later', 1, 9e15)").run();
    await env.DB.prepare(
      `INSERT INTO webhook_deliveries (subject, sequence, receiver, event, created_at, next_attempt_at, delivered_at)
       VALUES ('a', 1, 'r', 'e', 1, 9e15, NULL), ('a', 2, 'r', 'e', 1, NULL, 1), ('b', 1, 's', 'e', 1, 1, NULL)`,
    ).run();
  });
  expect(changed('splatt_purge_pending{kind="deleted_jobs"}')).toBe(1);
  expect(changed("splatt_webhook_deliveries_pending")).toBe(2);
  const value = await scrape();
  expect(value(`splatt_agents{pool="${pool}"}`)).toBe(2);
  expect(value(`splatt_agents_connected{pool="${pool}"}`)).toBe(1);
  expect(value(`splatt_agent_slots{pool="${pool}"}`)).toBe(1);
  agent.close();
  await env.DB.batch([
    env.DB.prepare("DELETE FROM tombstones WHERE job_id IN ('due', 'later')"),
    env.DB.prepare("DELETE FROM webhook_deliveries WHERE receiver IN ('r', 's')"),
  ]);
});

it("reads no more with a backlog of 30,000 than it counts, and writes nothing", async () => {
  await env.DB.prepare("DELETE FROM tombstones").run();
  await env.DB.prepare(
    `INSERT INTO tombstones WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)
     SELECT 'job-' || i, 1, 1 FROM n`,
  ).run();
  const meter = StoreMeter.attach();
  const value = await scrape();
  meter.detach();
  expect(value('splatt_purge_pending{kind="deleted_jobs"}')).toBe(10_001);
  expect(meter.rowsRead).toBeLessThan(21_000);
  expect(meter.rowsWritten).toBe(0);
  await env.DB.prepare("DELETE FROM tombstones").run();
});

describe("GET /metrics", () => {
  it("opens with its token, which opens nothing else, and with an admin's key", async () => {
    const bearer = { authorization: `Bearer ${TOKEN}` };
    const status = async (path: string, headers: Record<string, string>) =>
      (await api("GET", path, undefined, headers)).status;
    expect(await status("/metrics", bearer)).toBe(200);
    expect(await status("/metrics/", bearer)).toBe(200);
    for (const path of ["/jobs", "/keys", "/me", "/agents"]) expect(await status(path, bearer)).toBe(401);
    expect(await status("/metrics", { authorization: `Bearer ${TOKEN}x` })).toBe(401);
    expect(await status("/metrics", {})).toBe(401);
    expect(await status("/metrics", (await mintKey(["admin"])).headers)).toBe(200);
    expect(await status("/metrics", (await mintKey(["jobs:read", "agents"])).headers)).toBe(403);
    Object.assign(env, { METRICS_TOKEN: "" });
    expect(await status("/metrics", { authorization: "Bearer " })).toBe(401);
    expect(await status("/metrics", bearer)).toBe(401);
  });

  it("escapes the values of labels", () => {
    const samples = [{ labels: { pool: 'a"b\\c\nd' }, value: 1.5 }];
    const text = expositionOf([{ type: "gauge", name: "m", help: "Help.", samples }]);
    expect(text).toBe('# HELP m Help.\n# TYPE m gauge\nm{pool="a\\"b\\\\c\\nd"} 1.5\n');
  });
});
