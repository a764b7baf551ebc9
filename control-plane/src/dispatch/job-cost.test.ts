import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { type ActiveStatus, type AgentMessage, type JobStatus, THUMBNAIL_FILE } from "@splatt/shared";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { database } from "../db/database.ts";
import { api, createJob, json, mintAgent } from "../testing/api.ts";
import { agentWithJob, dispatcher, getJob, newPool } from "../testing/dispatch.ts";
import { FakeReceiver } from "../testing/fake-receiver.ts";
import { costOf, type Usage } from "../testing/list-prices.ts";
import { EMPTY_REPORT, ScriptedAgent } from "../testing/scripted-agent.ts";
import { StoreMeter } from "../testing/store-meter.ts";
import { TestWatcher } from "../testing/watcher.ts";
import { sweepResultFiles } from "../uploads/whole-files.ts";
import { isWatcher } from "../watch/watch-sockets.ts";
import { readConnection, writeConnection } from "./agent-sockets.ts";
import { dispatchTiming } from "./timing.ts";

/**
 * What one job of half an hour costs, with a webhook, a share and a watcher for ten minutes. It has the pool for
 * itself, so it pays for all of its alarms; the scheduled ticks happen with or without a job, and are not counted.
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
/** US$ per 1,000 jobs. */
const LIMIT = 0.15;
/** Parts of 32 MiB of every file that a job uploads, with a splat of 300 MB in two forms. */
const PARTS: Readonly<Record<string, number>> = {
  "baked_splat_sh.ply": 8,
  "baked_splat.ply": 2,
  "transforms.json": 1,
  "baked_splat.spz": 1,
  "baked_splat.sog": 1,
  [THUMBNAIL_FILE]: 1,
  "photos.webp": 1,
  "coverage.json": 1,
  "flythrough.mp4": 1,
  "metrics.json": 1,
  "pipeline.log": 1,
};
/** The time of a call to a distant D1, and of an event that calls nothing. */
const D1_CALL_SECONDS = 0.03;
const EVENT_SECONDS = 0.002;
const CPU_MS_PER_REQUEST = 5;
/** Ten minutes with a watcher and ten without, both during training. */
const WATCHED = { from: 420, until: 1020 };
const UNWATCHED = { from: 1020, until: 1620 };
const BOUNDARIES = new Set([WATCHED.from, WATCHED.until, UNWATCHED.until]);
const WATCHER_PING_SECONDS = 30;

const receiver = new FakeReceiver("https://receiver.example.org");
let meter: StoreMeter;
beforeEach(() => {
  receiver.attach();
  // Ahead of the real clock, so that no alarm becomes due in real time.
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_600_000 });
  meter = StoreMeter.attach();
});
afterEach(() => {
  vi.restoreAllMocks();
  receiver.requests.length = 0;
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

/** What a webhook, for the end of a job, and a share add to a short job. */
async function measureExtras(): Promise<Record<"webhook" | "share", Counted>> {
  const counted = async (workerRequest: number, objectRequest: number, work: () => Promise<unknown>) => {
    const before = { rowWritten: meter.rowsWritten, rowRead: meter.rowsRead, d1Calls: meter.d1Calls };
    await work();
    return {
      workerRequest,
      objectRequest,
      socketMessage: 0,
      rowWritten: meter.rowsWritten - before.rowWritten,
      rowRead: meter.rowsRead - before.rowRead,
      d1Calls: meter.d1Calls - before.d1Calls,
    };
  };
  const completeOne = async () => {
    const { agent, fence } = await agentWithJob();
    await agent.complete(fence, 1);
    await agent.next("ack");
    return fence.job_id;
  };
  const jobId = await completeOne();
  const share = await counted(1, 0, () => json(api("POST", `/jobs/${jobId}/shares`, {})));

  const plain = await counted(0, 0, completeOne);
  await json(api("POST", "/webhooks", { url: receiver.origin }));
  const isSettled = () => meter.queries.some(({ sql }) => /update "webhook_deliveries"/i.test(sql));
  const hooked = await counted(0, 1, async () => {
    await completeOne();
    await expect.poll(isSettled).toBe(true);
  });
  return { share, webhook: minus(hooked, plain) };
}

interface Counted
  extends Pick<Usage, "workerRequest" | "objectRequest" | "socketMessage" | "rowWritten" | "rowRead"> {
  readonly d1Calls: number;
}

function minus(a: Counted, b: Counted): Counted {
  return Object.fromEntries(
    Object.entries(a).map(([item, count]) => [item, count - b[item as keyof Counted]]),
  ) as unknown as Counted;
}

/** US$ per 1,000. */
function priceOf({ d1Calls: _, ...usage }: Counted): number {
  return 1000 * costOf({ ...usage, workerCpuMs: usage.workerRequest * CPU_MS_PER_REQUEST });
}

it(`a job of half an hour costs less than US$ ${LIMIT} per 1,000`, async () => {
  const pool = newPool();
  const { token } = await mintAgent(pool);
  const agent = await ScriptedAgent.connect(token);
  const stub = dispatcher(pool);
  const inObject = await meterObject(pool);
  meter.reset();
  const count = { workerRequest: 0, objectRequest: 0, socketMessage: 0 };
  const counted = (): Counted => ({
    ...count,
    rowWritten: meter.rowsWritten,
    rowRead: meter.rowsRead,
    d1Calls: meter.d1Calls,
  });

  /** The very handler that the runtime calls, so that the clock stands still until it is done. */
  const say = async (message: AgentMessage) => {
    count.socketMessage += 1;
    await runInDurableObject(stub, async (object, state) => {
      for (const ws of state.getWebSockets()) {
        if (!isWatcher(ws)) await object.webSocketMessage(ws, JSON.stringify(message));
      }
    });
  };
  /** The runtime answers it without waking the object, and records the time. */
  const heartbeat = async () => {
    count.socketMessage += 1;
    await runInDurableObject(stub, (_, state) => {
      for (const ws of state.getWebSockets()) {
        if (!isWatcher(ws)) writeConnection(ws, { ...readConnection(ws), acceptedAt: Date.now() });
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
  let watcher: TestWatcher | null = null;
  const atSecond = new Map<number, Counted>();
  const at = (second: number): Counted => atSecond.get(second) ?? counted();
  for (let second = 1; second < JOB_SECONDS; second++) {
    vi.setSystemTime(began + second * 1000);
    if (BOUNDARIES.has(second)) atSecond.set(second, counted());
    if (second === WATCHED.from) {
      watcher = await TestWatcher.open(jobId);
      count.workerRequest += 1;
      count.objectRequest += 1;
    }
    if (second === WATCHED.until) watcher?.close();
    // The runtime answers a watcher's pings too.
    const isWatched = second > WATCHED.from && second < WATCHED.until;
    if (isWatched && second % WATCHER_PING_SECONDS === 0) count.socketMessage += 1;
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
    const isWhole = parts === 1;
    uploads.push(
      isWhole
        ? await agent.uploadWhole(fence, filename, filename)
        : await agent.upload(fence, filename, filename, parts),
    );
    count.workerRequest += isWhole ? 1 : 2 + parts;
  }
  await say({ type: "job.complete", fence, seq: seq + 1, uploads, report: EMPTY_REPORT });
  await sweepResultFiles(database(env.DB), env.BUCKET, jobId);
  const whole = counted();
  const operations = { classA: meter.classA, classB: meter.classB };
  const ownRows = inObject();
  expect(await getJob(jobId)).toMatchObject({ status: "completed", lost_leases: 0, attempt: 1 });

  const { webhook, share } = await measureExtras();
  const between = (from: number, until: number) => minus(at(until), at(from));
  const watched = between(WATCHED.from, WATCHED.until);
  const watching = minus(watched, between(UNWATCHED.from, UNWATCHED.until));
  const costs = {
    "the job": priceOf(minus(whole, watching)),
    "a webhook for its end": priceOf(webhook),
    "a share": priceOf(share),
    "a watcher of ten minutes": priceOf(watching),
  };
  const total = Object.values(costs).reduce((sum, cost) => sum + cost, 0);
  const d1Calls = whole.d1Calls + webhook.d1Calls + share.d1Calls;
  const events = whole.objectRequest + whole.socketMessage;
  const besides = {
    "the Dispatcher's own rows": 1000 * costOf(ownRows),
    "the Durable Objects' time":
      1000 * costOf({ objectSecond: events * EVENT_SECONDS + d1Calls * D1_CALL_SECONDS }),
    "R2 operations": 1000 * costOf(operations),
    "1.3 GB in R2 for a week": 1000 * costOf({ gigabyteMonth: (1.3 * 7) / 30 }),
    "a client that asks every 5 s": priceOf({
      workerRequest: JOB_SECONDS / 5,
      objectRequest: 0,
      socketMessage: 0,
      rowWritten: 0,
      rowRead: JOB_SECONDS / 5,
      d1Calls: 0,
    }),
  };
  console.log("US$ per 1,000 jobs:", { total, ...costs }, "besides:", besides, {
    whole,
    webhook,
    share,
    watching,
  });
  expect(watching.workerRequest).toBe(1);
  expect(webhook.rowWritten).toBeGreaterThan(0);
  expect(total).toBeLessThan(LIMIT);
});
