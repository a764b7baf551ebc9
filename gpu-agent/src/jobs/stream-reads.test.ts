import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AgentMessage, JobEntries, JobRead } from "@splatt/shared";
import { MAX_ENTRIES_BYTES } from "@splatt/shared";
import { afterEach, beforeEach, expect, it } from "vitest";
import { JobLog } from "../pipeline/job-log.ts";
import { MetricSeries } from "../pipeline/metric-series.ts";
import { StreamReads } from "./stream-reads.ts";

const FENCE = { job_id: "5f9b4c7e-7a53-4a43-8f5e-0d6f6b1f4a10", attempt: 1, lease_id: "l" };

let dir: string;
let jobLog: JobLog;
let metrics: MetricSeries;
let sent: JobEntries[];
let isConnected: boolean;
let reads: StreamReads;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-reads-"));
  jobLog = new JobLog(join(dir, "pipeline.log"));
  metrics = new MetricSeries();
  sent = [];
  isConnected = true;
  const send = (message: AgentMessage) => {
    if (isConnected) sent.push(message as JobEntries);
    return isConnected;
  };
  reads = new StreamReads({ logId: "log", jobLog, metrics, fence: () => FENCE, send });
});
afterEach(async () => {
  await jobLog.close();
  await rm(dir, { recursive: true });
});

const read = (change: Partial<JobRead> = {}): JobRead => ({
  type: "job.read",
  fence: FENCE,
  stream: "log",
  lane: "follow",
  position: { id: null, next: 0 },
  wait: false,
  ...change,
});
const answers = (count: number) => expect.poll(() => sent.length).toBe(count);
const texts = ({ entries }: JobEntries) =>
  entries.stream === "log" ? entries.lines.map((line) => line.replace(/^\S+ \w+: /, "")) : [];

it("answers once, and a read that waits only when there is news", async () => {
  jobLog.write("train", "one");
  reads.request(read({ wait: true }));
  await answers(1);
  expect(sent.flatMap(texts)).toEqual(["one"]);
  reads.request(read({ position: { id: "log", next: 1 }, wait: true }));
  jobLog.write("train", "two");
  await answers(2);
  expect(sent[1]).toMatchObject({ id: "log", from: 1, more: false, position: { id: "log", next: 1 } });
  jobLog.write("train", "three");
  await reads.finish(true);
  expect(sent.length).toBe(2);
});

it("answers at once where there is nothing, unless it is to wait, and both at the end of the job", async () => {
  reads.request(read());
  await answers(1);
  expect(sent[0]).toMatchObject({ from: 0, more: false, entries: { stream: "log", lines: [] } });
  reads.request(read({ wait: true, position: { id: "log", next: 0 } }));
  jobLog.write("train", "last");
  await jobLog.close();
  await reads.finish(true);
  expect(texts(sent[1] as JobEntries)).toEqual(["last"]);
});

it("sends a long log in pieces that cost no points of the budget, and nothing twice", async () => {
  for (let i = 0; i < 200; i++) jobLog.write("train", `${i} ${'"'.repeat(900)}`);
  await jobLog.close();
  let next = 0;
  while (sent.at(-1)?.more !== false) {
    reads.request(read({ position: { id: "log", next } }));
    await answers(sent.length + 1);
    const last = sent.at(-1) as JobEntries;
    expect(JSON.stringify(last).length).toBeLessThanOrEqual(MAX_ENTRIES_BYTES);
    next = last.from + texts(last).length;
  }
  expect(sent.flatMap(texts).map((line) => Number.parseInt(line, 10))).toEqual(
    Array.from({ length: 200 }, (_, i) => i),
  );
});

it("starts another log anew, and keeps a read open that could not be sent", async () => {
  jobLog.write("train", "one");
  isConnected = false;
  reads.request(read({ position: { id: "another agent's", next: 70 }, wait: true }));
  isConnected = true;
  jobLog.write("train", "two");
  await answers(1);
  expect(sent[0]).toMatchObject({ id: "log", from: 0 });
});

it("sends the points of the curves, at most one a second", async () => {
  const point = (step: number) => ({ step, loss: 1 / step, psnr: null, gaussians: 100 });
  for (const [step, at] of [
    [1, 0],
    [2, 500],
    [3, 1000],
    [3, 2500],
    [4, 3000],
  ] as const)
    metrics.add(point(step), at);
  reads.request(read({ stream: "metrics", position: { id: null, next: -2 } }));
  await answers(1);
  expect(sent[0]).toMatchObject({ from: 1, entries: { points: [{ step: 3 }, { step: 4 }] } });
});
