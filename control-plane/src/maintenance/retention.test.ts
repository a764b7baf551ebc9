import { env } from "cloudflare:workers";
import type { JobStatusView, JobView, ResultLink, ShareCreated } from "@splatt/shared";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { database } from "../db/database.ts";
import { api, createJob, json } from "../testing/api.ts";
import { completedJob } from "../testing/completed-job.ts";
import { getJob } from "../testing/dispatch.ts";
import { purgeLeftovers } from "./purge.ts";
import { jobsWithDueResults, purgeResults } from "./purge-results.ts";
import { type Retention, retentionOf } from "./retention-settings.ts";

const DAY_MS = 24 * 3600 * 1000;
const INPUTS = retentionOf({});
const RESULTS = retentionOf({ INPUT_RETENTION_DAYS: "off", RESULT_RETENTION_DAYS: "30" });

let start: number;
beforeEach(() => {
  start = Math.ceil(Date.now() / 1000) * 1000;
  vi.useFakeTimers({ toFake: ["Date"], now: start });
});
afterEach(() => {
  vi.useRealTimers();
});

/** What the scheduled runs of a period do, on a clock that stops where something may become due. */
async function purgeUntil(end: number, retention: Retention = INPUTS): Promise<void> {
  for (let now = Date.now(); now < end; now = Math.min(now + DAY_MS / 2, end)) {
    vi.setSystemTime(now);
    await purgeLeftovers(database(env.DB), env.BUCKET, now, retention);
  }
  vi.setSystemTime(end);
  // One run sets the time of the next look, the next one looks.
  for (let run = 0; run < 2; run += 1) await purgeLeftovers(database(env.DB), env.BUCKET, end, retention);
}

async function uploadedVideo(): Promise<string> {
  const bytes = new TextEncoder().encode("video");
  const body = { filename: "v.mp4", size: bytes.byteLength };
  const { upload_id } = await json<{ upload_id: string }>(api("POST", "/uploads", body));
  const headers = { "x-api-key": "test-key", "content-length": String(bytes.byteLength) };
  await json(api("PUT", `/uploads/${upload_id}/parts/1`, bytes, headers));
  await json(api("POST", `/uploads/${upload_id}/complete`));
  return upload_id;
}

const videoExists = async (id: string) => (await env.BUCKET.head(`uploads/${id}/source`)) !== null;
const newJob = (upload_id: string) => createJob({ upload_id, filebin_url: undefined, filename: undefined });
const cancel = (id: string) => json(api("POST", `/jobs/${id}/cancel`));
const problemOf = async (answer: Promise<Response>, status: number) =>
  (await json<{ code: string }>(answer, status)).code;

describe("the retention of videos", () => {
  it("removes a video 7 days after the end of its last job, when it said it would, and then says so", async () => {
    const upload = await uploadedVideo();
    const first = await newJob(upload);
    const second = await newJob(upload);
    await cancel(first);
    await purgeUntil(start + 20 * DAY_MS);
    expect(await getJob(first)).toMatchObject({ input_expires_at: null, input_purged_at: null });
    await cancel(second);
    const due = Date.now() + 7 * DAY_MS;
    const job = await getJob(first);
    expect(Date.parse(job.input_expires_at ?? "")).toBe(due);
    await purgeUntil(due - 1);
    expect(await videoExists(upload)).toBe(true);
    await purgeUntil(due);
    expect(await videoExists(upload)).toBe(false);
    const after = await getJob(first);
    expect(after).toMatchObject({ input_expires_at: null, status: "cancelled" });
    expect(Date.parse(after.input_purged_at ?? "")).toBe(due);
    expect(await problemOf(api("POST", `/jobs/${first}/retry`), 409)).toBe("input_purged");
    expect(await problemOf(api("POST", `/jobs/${second}/retry`), 409)).toBe("input_purged");
    await json(api("DELETE", `/jobs/${first}`));
  });

  it("keeps a video for ever while a job waits, is pinned, or where retention is off", async () => {
    const waitingFor = await uploadedVideo();
    await newJob(waitingFor);
    const pinnedFor = await uploadedVideo();
    const pinned = await newJob(pinnedFor);
    await cancel(pinned);
    expect(await json<JobView>(api("POST", `/jobs/${pinned}/pin`))).toMatchObject({
      pinned: true,
      input_expires_at: null,
    });
    await purgeUntil(start + 30 * DAY_MS);
    expect([await videoExists(waitingFor), await videoExists(pinnedFor)]).toEqual([true, true]);
    const unpinned = await json<JobView>(api("DELETE", `/jobs/${pinned}/pin`));
    expect(Date.parse(unpinned.input_expires_at ?? "")).toBe(start + 7 * DAY_MS);
    await purgeUntil(Date.now(), retentionOf({ INPUT_RETENTION_DAYS: "off" }));
    expect(await videoExists(pinnedFor)).toBe(true);
    await purgeUntil(Date.now() + 8 * DAY_MS);
    expect([await videoExists(waitingFor), await videoExists(pinnedFor)]).toEqual([true, false]);
  });

  it("is exact for a setting shorter than the life of an unused upload", async () => {
    const day = retentionOf({ INPUT_RETENTION_DAYS: "1" });
    const upload = await uploadedVideo();
    const unused = await uploadedVideo();
    await cancel(await newJob(upload));
    await purgeUntil(start + DAY_MS - 1, day);
    expect(await videoExists(upload)).toBe(true);
    await purgeUntil(start + DAY_MS, day);
    expect([await videoExists(upload), await videoExists(unused)]).toEqual([false, true]);
  });

  it("finishes a removal that was interrupted, and takes nothing from a job that was created meanwhile", async () => {
    const upload = await uploadedVideo();
    const job = await newJob(upload);
    await cancel(job);
    vi.setSystemTime(start + 8 * DAY_MS);
    const failing = { ...fakeBucket(), delete: () => Promise.reject(new Error("R2 is away")) };
    const run = (bucket: R2Bucket) => purgeLeftovers(database(env.DB), bucket, Date.now(), INPUTS);
    await run(failing as unknown as R2Bucket);
    expect(await videoExists(upload)).toBe(true);
    expect((await getJob(job)).input_purged_at).not.toBeNull();
    expect(await problemOf(api("POST", `/jobs/${job}/retry`), 409)).toBe("input_purged");
    await run(env.BUCKET);
    expect(await videoExists(upload)).toBe(false);
  });

  it("does not touch jobs whose video is on the web", async () => {
    const job = await createJob();
    await cancel(job);
    await purgeUntil(start + 30 * DAY_MS);
    expect(await getJob(job)).toMatchObject({ input_expires_at: null, input_purged_at: null });
    await json(api("POST", `/jobs/${job}/retry`));
  });
});

describe("the retention of results", () => {
  it("is off by default", async () => {
    const { jobId } = await completedJob();
    vi.setSystemTime(start + 400 * DAY_MS);
    await purgeUntil(Date.now());
    expect(Object.keys((await getJob(jobId)).results ?? {})).toHaveLength(3);
  });

  it("removes results when it said it would, with every promise of them", async () => {
    const { jobId } = await completedJob();
    const link = await json<ResultLink>(
      api("POST", `/jobs/${jobId}/results/transforms.json/link`, { expires_in: 7 * 24 * 3600 }),
    );
    const share = await json<ShareCreated>(api("POST", `/jobs/${jobId}/shares`));
    const endedAt = Date.parse((await getJob(jobId)).ended_at ?? "");
    await purgeUntil(endedAt + 30 * DAY_MS - 1, RESULTS);
    expect(Object.keys((await getJob(jobId)).results ?? {})).toHaveLength(3);
    await purgeUntil(endedAt + 31 * DAY_MS, RESULTS);
    const { objects } = await env.BUCKET.list({ prefix: `jobs/${jobId}/` });
    expect(objects).toEqual([]);
    const status = await json<JobStatusView>(api("GET", `/jobs/${jobId}/status`));
    expect(status).toMatchObject({ status: "completed", results: {} });
    expect((await getJob(jobId)).results_purged_at).not.toBeNull();
    const base = `/jobs/${jobId}/results/transforms.json`;
    expect(await problemOf(api("GET", base), 410)).toBe("results_purged");
    expect(await problemOf(api("POST", `${base}/link`), 410)).toBe("results_purged");
    expect(await problemOf(api("POST", `/jobs/${jobId}/shares`), 410)).toBe("results_purged");
    expect((await api("GET", new URL(link.url).pathname, undefined, {})).status).toBe(404);
    expect((await api("GET", `${new URL(share.url).pathname}/meta`, undefined, {})).status).toBe(404);
    const left = await env.DB.prepare("SELECT job_id FROM tombstones WHERE job_id = ?").bind(jobId).all();
    expect(left.results).toEqual([]);
    await json(api("DELETE", `/jobs/${jobId}`));
  });

  it("keeps those of a pinned job, also one that was pinned at the last moment", async () => {
    const { jobId } = await completedJob();
    const now = start + 40 * DAY_MS;
    vi.setSystemTime(now);
    const cutoff = now - 30 * DAY_MS;
    expect(await jobsWithDueResults(database(env.DB), cutoff, 50)).toContain(jobId);
    await json(api("POST", `/jobs/${jobId}/pin`));
    await purgeResults(database(env.DB), jobId, { cutoff, now });
    await purgeUntil(now + DAY_MS, RESULTS);
    expect(Object.keys((await getJob(jobId)).results ?? {})).toHaveLength(3);
    await json(api("GET", `/jobs/${jobId}/results/transforms.json`).then(asJson));
    await json(api("DELETE", `/jobs/${jobId}/pin`));
    await purgeUntil(now + 2 * DAY_MS, RESULTS);
    expect((await getJob(jobId)).results).toEqual({});
  });
});

it("a setting that cannot be read removes nothing", () => {
  expect(retentionOf({ INPUT_RETENTION_DAYS: "soon", RESULT_RETENTION_DAYS: "-1" })).toEqual({
    inputMs: null,
    resultMs: null,
  });
});

/** The content of a file of `completedJob` is no JSON. */
const asJson = async (answer: Response) => Response.json(await answer.text(), { status: answer.status });

function fakeBucket(): Partial<R2Bucket> {
  return { head: env.BUCKET.head.bind(env.BUCKET), list: env.BUCKET.list.bind(env.BUCKET) };
}
