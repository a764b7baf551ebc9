import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { type ActiveStatus, type AgentMessage, type JobStatus, THUMBNAIL_FILE } from "@splatt/shared";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createJob, mintAgent } from "../testing/api.ts";
import { dispatcher, getJob, newPool } from "../testing/dispatch.ts";
import { costOf, type Usage } from "../testing/list-prices.ts";
import { EMPTY_REPORT, ScriptedAgent } from "../testing/scripted-agent.ts";
import { StoreMeter } from "../testing/store-meter.ts";
import { readConnection, writeConnection } from "./agent-sockets.ts";
import { dispatchTiming } from "./timing.ts";

/**
 * What one job of half an hour costs. It has the pool for itself, so it pays for all of its alarms; the scheduled
 * ticks happen with or without a job, and are not counted.
 */

const JOB_SECONDS = 1800;
const STAGES: readonly { readonly status: ActiveStatus; readonly until: number }[] = [
  { status: "downloading_video", until: 60 },
  { status: "extracting_frames", until: 100 },
  { status: "running_colmap", until: 400 },
  { status: "training", until: 1620 },
  { status: "exporting", until: JOB_SECONDS },
];
const { heartbeatMs, heldMs, progressMs } = dispatchTiming(undefined);
const HEARTBEAT_SECONDS = heartbeatMs / 1000;
const HELD_SECONDS = heldMs / 1000;
const PROGRESS_SECONDS = progressMs / 1000;
/** US$ per 1,000 jobs. The goal is 0.15; each result file takes four rows and three requests. */
const LIMIT = 0.16;
/** Parts of 32 MiB of every file that a job uploads, with a splat of 300 MB in two forms. */
const PARTS: Readonly<Record<string, number>> = {
  "baked_splat_sh.ply": 8,
  "baked_splat.ply": 2,
  "transforms.json": 1,
  "baked_splat.spz": 1,
  "baked_splat.sog": 1,
  [THUMBNAIL_FILE]: 1,
  "held_out.webp": 1,
  "metrics.json": 1,
  "pipeline.log": 1,
};
/** As long as a call of D1 takes where it is far away, and as an event takes without one. */
const D1_CALL_SECONDS = 0.03;
const EVENT_SECONDS = 0.002;
const CPU_MS_PER_REQUEST = 5;
const WATCHED_SECONDS = 600;

let meter: StoreMeter;
beforeEach(() => {
  // Ahead of the real clock, so that no alarm becomes due in real time.
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_600_000 });
  meter = StoreMeter.attach();
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  meter.detach();
});

/** Counts the rows that a Dispatcher reads and writes in its own SQLite; setting the alarm writes one. */
async function meterObject(pool: string): Promise<() => Pick<Usage, "rowRead" | "rowWritten">> {
  let alarms = 0;
  const cursors: { readonly rowsRead: number; readonly rowsWritten: number }[] = [];
  await runInDurableObject(dispatcher(pool), (_, { storage }) => {
    const sql: SqlStorage = Object.getPrototypeOf(storage.sql);
    const { exec } = sql;
    vi.spyOn(sql, "exec").mockImplementation(function (this: SqlStorage, ...args) {
      const cursor = Reflect.apply(exec, this, args);
      cursors.push(cursor);
      return cursor;
    });
    const prototype: DurableObjectStorage = Object.getPrototypeOf(storage);
    const { setAlarm } = prototype;
    vi.spyOn(prototype, "setAlarm").mockImplementation(function (this: DurableObjectStorage, ...args) {
      alarms += 1;
      return Reflect.apply(setAlarm, this, args);
    });
  });
  return () => ({
    rowRead: cursors.reduce((sum, { rowsRead }) => sum + rowsRead, 0),
    rowWritten: alarms + cursors.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0),
  });
}

it(`a job of half an hour costs less than US$ ${LIMIT} per 1,000`, async () => {
  const pool = newPool();
  const { token } = await mintAgent(pool);
  const agent = await ScriptedAgent.connect(token);
  const stub = dispatcher(pool);
  const inObject = await meterObject(pool);
  meter.reset();
  const count = { workerRequest: 0, objectRequest: 0, socketMessage: 0 };

  /** The very handler that the runtime calls, so that the clock stands still until it is done. */
  const say = async (message: AgentMessage) => {
    count.socketMessage += 1;
    await runInDurableObject(stub, async (object, state) => {
      for (const ws of state.getWebSockets()) await object.webSocketMessage(ws, JSON.stringify(message));
    });
  };
  /** The runtime answers it without waking the object, and records the time. */
  const heartbeat = async () => {
    count.socketMessage += 1;
    await runInDurableObject(stub, (_, state) => {
      for (const ws of state.getWebSockets()) {
        writeConnection(ws, { ...readConnection(ws), acceptedAt: Date.now() });
      }
    });
  };
  const alarmIfDue = async () => {
    const at = await runInDurableObject(stub, (_, { storage }) => storage.getAlarm());
    if (at === null || at > Date.now()) return;
    count.objectRequest += 1;
    await runDurableObjectAlarm(stub);
  };

  const began = Date.now();
  const jobId = await createJob({ pool });
  count.workerRequest += 1;
  count.objectRequest += 1;
  const fence = await agent.takeJob();
  count.socketMessage += 1;
  let seq = 0;
  let shown: JobStatus = "queued";
  for (let second = 1; second < JOB_SECONDS; second++) {
    vi.setSystemTime(began + second * 1000);
    const progress = Math.floor((100 * second) / JOB_SECONDS);
    const { status } = STAGES.find(({ until }) => second < until) ?? { status: "exporting" };
    if (second % HEARTBEAT_SECONDS === 0) await heartbeat();
    await alarmIfDue();
    if (status !== shown) {
      shown = status;
      seq += 1;
      await say({ type: "job.stage", fence, seq, status, progress, message: status });
    }
    if (second % PROGRESS_SECONDS === 0) {
      const message = `step ${second}`;
      const eta_seconds = JOB_SECONDS - second;
      await say({ type: "job.progress", fence, progress, stage_progress: 1, message, eta_seconds });
    }
    if (second % HELD_SECONDS === 0) {
      await say({ type: "job.held", jobs: [{ fence, status, seconds_since_output: 0 }] });
    }
  }
  const uploads = [];
  for (const [filename, parts] of Object.entries(PARTS)) {
    uploads.push(await agent.upload(fence, filename, filename, parts));
    count.workerRequest += 2 + parts;
  }
  await say({ type: "job.complete", fence, seq: seq + 1, uploads, report: EMPTY_REPORT });
  expect(await getJob(jobId)).toMatchObject({ status: "completed", lost_leases: 0, attempt: 1 });

  const usage = {
    ...count,
    workerCpuMs: count.workerRequest * CPU_MS_PER_REQUEST,
    rowWritten: meter.rowsWritten,
    rowRead: meter.rowsRead,
  };
  const events = count.objectRequest + count.socketMessage;
  const reported = {
    "the Dispatcher's own rows": costOf(inObject()),
    "its time": costOf({ objectSecond: events * EVENT_SECONDS + meter.d1Calls * D1_CALL_SECONDS }),
    "R2 operations": costOf({ classA: meter.classA, classB: meter.classB }),
    "1.3 GB in R2 for a week": costOf({ gigabyteMonth: (1.3 * 7) / 30 }),
    "a client that asks every 5 s": costOf({
      workerRequest: JOB_SECONDS / 5,
      workerCpuMs: (CPU_MS_PER_REQUEST * JOB_SECONDS) / 5,
      rowRead: JOB_SECONDS / 5,
    }),
  };
  const changes = WATCHED_SECONDS / 5;
  Object.assign(reported, {
    "a watcher of ten minutes": costOf({
      workerRequest: 1,
      workerCpuMs: CPU_MS_PER_REQUEST,
      objectRequest: 1,
      // Its pings are answered without waking the object, but counted.
      socketMessage: WATCHED_SECONDS / 30,
      // The job and its new events are read at each change that is written; progress wakes the object in any case.
      rowRead: 2 * changes,
      objectSecond: changes * (D1_CALL_SECONDS + EVENT_SECONDS),
    }),
  });
  console.log("US$ per 1,000 jobs:", 1000 * costOf(usage), usage);
  for (const [what, cost] of Object.entries(reported)) console.log(what, 1000 * cost);
  expect(1000 * costOf(usage)).toBeLessThan(LIMIT);
});
