import { env } from "cloudflare:workers";
import { type Fence, fenceHeaders, type JobCreated, type JobView } from "@splatt/shared";
import { afterEach, describe, expect, it, vi } from "vitest";
import { database } from "../db/database.ts";
import { purgeLeftovers } from "../maintenance/purge.ts";
import { retentionOf } from "../maintenance/retention-settings.ts";
import { api, createJob, json, mintAgent } from "../testing/api.ts";
import { getJob, jobBecomes, newPool } from "../testing/dispatch.ts";
import { mintKey } from "../testing/keys.ts";
import { BUILTIN_OFFER, ScriptedAgent } from "../testing/scripted-agent.ts";

const DAY_MS = 24 * 3600 * 1000;
const NOBODY = "00000000-0000-4000-8000-000000000000";

afterEach(() => {
  vi.useRealTimers();
});

async function uploaded(filename: string, content: string, complete = true): Promise<string> {
  const bytes = new TextEncoder().encode(content);
  const { upload_id } = await json<{ upload_id: string }>(
    api("POST", "/uploads", { filename, size: bytes.byteLength }),
  );
  const headers = { "x-api-key": "test-key", "content-length": String(bytes.byteLength) };
  await json(api("PUT", `/uploads/${upload_id}/parts/1`, bytes, headers));
  if (complete) await json(api("POST", `/uploads/${upload_id}/complete`));
  return upload_id;
}

const createOf = (upload_ids: readonly string[], fields: Record<string, unknown> = {}) =>
  createJob({ upload_ids, filebin_url: undefined, filename: undefined, ...fields });
const submit = (upload_ids: readonly string[]) => api("POST", "/jobs", { task_id: "t", upload_ids });
const exists = async (id: string) => (await env.BUCKET.head(`uploads/${id}/source`)) !== null;

async function poolWithAgent(offer = BUILTIN_OFFER) {
  const pool = newPool();
  const { token } = await mintAgent(pool);
  return { pool, token, agent: await ScriptedAgent.connect(token, { offer }) };
}

function input(token: string, fence: Fence, headers: Record<string, string> = {}): Promise<Response> {
  return api("GET", `/agent/jobs/${fence.job_id}/input`, undefined, {
    authorization: `Bearer ${token}`,
    ...fenceHeaders(fence),
    ...headers,
  });
}

/** The files of a tar: name and content. */
function filesIn(tar: Uint8Array): [string, string][] {
  const text = (from: number, to: number) => new TextDecoder().decode(tar.subarray(from, to));
  const files: [string, string][] = [];
  for (let at = 0; tar[at] !== 0; ) {
    const name = text(at, at + 100).replace(/\0.*$/s, "");
    const size = Number.parseInt(text(at + 124, at + 135), 8);
    files.push([name, text(at + 512, at + 512 + size)]);
    at += 512 + 512 * Math.ceil(size / 512);
  }
  return files;
}

describe("a job of several uploads", () => {
  it("shows them in their order, and is named after the first", async () => {
    const ids = [await uploaded("b.mp4", "b"), await uploaded("a.mp4", "a"), await uploaded("c.mp4", "c")];
    const job = await getJob(await createOf(ids));
    expect(job.source).toEqual({ kind: "uploads", url: null, upload_id: null, upload_ids: ids });
    expect(job.filename).toBe("b.mp4 and 2 more");
  });

  it("is refused when an upload is missing, incomplete, named twice or alone, or given with another source", async () => {
    const done = await uploaded("a.mp4", "a");
    const open = await uploaded("b.mp4", "b", false);
    const problem = async (answer: Promise<Response>, status: number) =>
      json<{ code: string; detail: unknown }>(answer, status);
    expect(await problem(submit([done, NOBODY]), 404)).toMatchObject({
      code: "upload_not_found",
      detail: expect.stringContaining(NOBODY),
    });
    expect(await problem(submit([done, open]), 409)).toMatchObject({
      code: "upload_incomplete",
      detail: expect.stringContaining(open),
    });
    for (const ids of [[], [done], [done, done], [done, done.toUpperCase()], [done, "x"]]) {
      expect((await problem(submit(ids), 422)).code).toBe("invalid_request");
    }
    const both = { task_id: "t", upload_id: done, upload_ids: [done, open] };
    expect((await problem(api("POST", "/jobs", both), 422)).code).toBe("invalid_request");
    const tooMany = Array.from({ length: 257 }, () => crypto.randomUUID());
    expect((await problem(submit(tooMany), 422)).code).toBe("invalid_request");
  });

  it("takes no upload of another key", async () => {
    const theirs = await uploaded("a.mp4", "a");
    const { headers } = await mintKey(["jobs:write"]);
    const body = { task_id: "t", upload_ids: [theirs, await uploaded("b.mp4", "b")] };
    expect(await json(api("POST", "/jobs", body, headers), 404)).toMatchObject({ code: "upload_not_found" });
  });

  it("is one tar to the agent, whose ranges are those of the whole, and whose tag names its contents", async () => {
    const long = `${"ü".repeat(80)}.mp4`;
    const contents = ["first", "x".repeat(1300), "y".repeat(512)];
    const ids = [
      await uploaded("v.mp4", contents[0] ?? ""),
      await uploaded("v.mp4", contents[1] ?? ""),
      await uploaded(long, contents[2] ?? ""),
    ];
    const { pool, token, agent } = await poolWithAgent();
    await createOf(ids, { pool });
    const { fence, spec } = await agent.next("job.assign");
    agent.send({ type: "job.accept", fence });
    const answer = await input(token, fence);
    const tar = new Uint8Array(await answer.arrayBuffer());
    expect(spec.source).toEqual({ kind: "upload", size: tar.length });
    expect(answer.headers.get("content-length")).toBe(String(tar.length));
    expect(filesIn(tar)).toEqual([
      ["1/v.mp4", contents[0]],
      ["2/v.mp4", contents[1]],
      ["file_3.mp4", contents[2]],
    ]);
    const etag = answer.headers.get("etag") ?? "";
    expect(etag).toMatch(/^"[0-9a-f]{64}"$/);
    for (const [from, to] of [
      [0, 0],
      [511, 517],
      [100, 3000],
      [tar.length - 1025, tar.length - 1],
      [1024, 2600],
    ] as const) {
      const part = await input(token, fence, { range: `bytes=${from}-${to}`, "if-range": etag });
      expect(part.status).toBe(206);
      expect(new Uint8Array(await part.arrayBuffer())).toEqual(tar.slice(from, to + 1));
    }
    expect((await input(token, fence, { range: `bytes=${tar.length}-` })).status).toBe(416);
  });

  it("breaks off rather than to end early when an upload has gone from the bucket", async () => {
    const ids = [await uploaded("a.mp4", "a"), await uploaded("b.mp4", "b")];
    const { pool, token, agent } = await poolWithAgent();
    await createOf(ids, { pool });
    const fence = await agent.takeJob();
    await env.BUCKET.delete(`uploads/${ids[1]}/source`);
    await expect(input(token, fence).then((answer) => answer.arrayBuffer())).rejects.toThrow();
  });

  it("waits, with a reason and without delaying others, while all agents are too old for it", async () => {
    const { takes_several_files: _, takes_scale_reference: __, ...old } = BUILTIN_OFFER;
    const { pool, agent } = await poolWithAgent(old);
    const ids = [await uploaded("a.mp4", "a"), await uploaded("b.mp4", "b")];
    const waiting = await createOf(ids, { pool, scale_reference: "1,2=0.5" });
    const other = await createJob({ pool });
    expect((await agent.takeJob()).job_id).toBe(other);
    const measured = await createJob({ pool, scale_reference: "1,2=0.5" });
    await jobBecomes(waiting, (job) => job.message.includes("too old for several uploads"));
    await jobBecomes(measured, (job) => job.message.includes("too old for scale_reference"));
    const { token } = await mintAgent(pool);
    const newer = await ScriptedAgent.connect(token);
    expect((await newer.takeJob()).job_id).toBe(waiting);
  });
});

describe("the uploads of a job of several", () => {
  const remove = (id: string, status = 200) => json(api("DELETE", id), status);
  const cancel = (id: string) => json(api("POST", `/jobs/${id}/cancel`));

  it("stay while a job uses them, and go with the last one", async () => {
    const [a, b, c] = [await uploaded("a", "a"), await uploaded("b", "b"), await uploaded("c", "c")];
    const first = await createOf([a, b]);
    const second = await createOf([b, c]);
    await remove(`/uploads/${b}`, 409);
    await cancel(first);
    await cancel(second);
    await remove(`/jobs/${first}`);
    expect([await exists(a), await exists(b), await exists(c)]).toEqual([false, true, true]);
    await json(api("POST", "/jobs/delete", { job_ids: [second] }));
    await purgeLeftovers(database(env.DB), env.BUCKET, Date.now() + 1);
    expect([await exists(b), await exists(c)]).toEqual([false, false]);
    const { results } = await env.DB.prepare("SELECT * FROM job_uploads WHERE job_id IN (?, ?)")
      .bind(first, second)
      .all();
    expect(results).toEqual([]);
  });

  it("are removed by retention after the last job's end, and then the jobs that lack one have no input", async () => {
    const start = Math.ceil(Date.now() / 1000) * 1000;
    vi.useFakeTimers({ toFake: ["Date"], now: start });
    const [a, b] = [await uploaded("a", "a"), await uploaded("b", "b")];
    const both = await createOf([a, b]);
    const alone = await createJob({ upload_id: b, filebin_url: undefined, filename: undefined });
    await cancel(both);
    expect(Date.parse((await getJob(both)).input_expires_at ?? "")).toBe(start + 7 * DAY_MS);
    const purge = async (now: number) => {
      vi.setSystemTime(now);
      for (let run = 0; run < 2; run += 1)
        await purgeLeftovers(database(env.DB), env.BUCKET, now, retentionOf({}));
    };
    await purge(start + 7 * DAY_MS - 1);
    expect([await exists(a), await exists(b)]).toEqual([true, true]);
    await purge(start + 7 * DAY_MS);
    expect([await exists(a), await exists(b)]).toEqual([false, true]);
    expect((await getJob(both)).input_purged_at).not.toBeNull();
    expect((await getJob(alone)).input_purged_at).toBeNull();
    expect(await json(api("POST", `/jobs/${both}/retry`), 409)).toMatchObject({ code: "input_purged" });
  });

  it("are kept by a pin, and looked at again after it", async () => {
    const start = Math.ceil(Date.now() / 1000) * 1000;
    vi.useFakeTimers({ toFake: ["Date"], now: start });
    const [a, b] = [await uploaded("a", "a"), await uploaded("b", "b")];
    const job = await createOf([a, b]);
    await cancel(job);
    await json<JobView>(api("POST", `/jobs/${job}/pin`));
    vi.setSystemTime(start + 20 * DAY_MS);
    for (let run = 0; run < 2; run += 1)
      await purgeLeftovers(database(env.DB), env.BUCKET, Date.now(), retentionOf({}));
    expect([await exists(a), await exists(b)]).toEqual([true, true]);
    await json(api("DELETE", `/jobs/${job}/pin`));
    await purgeLeftovers(database(env.DB), env.BUCKET, Date.now(), retentionOf({}));
    expect([await exists(a), await exists(b)]).toEqual([false, false]);
  });

  it("are used again by a retry", async () => {
    const ids = [await uploaded("a.mp4", "a"), await uploaded("b.mp4", "b")];
    const job = await createOf(ids);
    await cancel(job);
    const { job_id } = await json<JobCreated>(api("POST", `/jobs/${job}/retry`));
    expect(await getJob(job_id)).toMatchObject({
      source: { upload_ids: ids },
      filename: "a.mp4 and 1 more",
      retry_of: job,
    });
  });
});
