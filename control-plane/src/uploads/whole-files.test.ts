import { env } from "cloudflare:workers";
import { type Fence, fenceHeaders, MAX_WHOLE_FILE_BYTES, RESULT_FILES, SHA256_HEADER } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { database } from "../db/database.ts";
import { sha256Hex } from "../http/credentials.ts";
import { purgeLeftovers } from "../maintenance/purge.ts";
import { api, json } from "../testing/api.ts";
import { agentWithJob, jobBecomes, passTime } from "../testing/dispatch.ts";
import { EMPTY_REPORT } from "../testing/scripted-agent.ts";
import { discardLateFile, nameWholeFile } from "./whole-files.ts";

const FILE = "transforms.json";

async function put(
  { token, fence }: { readonly token: string; readonly fence: Fence },
  {
    filename = FILE,
    content = "{}",
    headers = {},
  }: { filename?: string; content?: string; headers?: object } = {},
): Promise<Response> {
  const bytes = new TextEncoder().encode(content);
  return api("PUT", `/agent/jobs/${fence.job_id}/files/${filename}`, bytes, {
    authorization: `Bearer ${token}`,
    ...fenceHeaders(fence),
    "content-length": String(bytes.byteLength),
    [SHA256_HEADER]: await sha256Hex(content),
    ...headers,
  });
}

const keysOf = async (jobId: string) =>
  (await env.BUCKET.list({ prefix: `jobs/${jobId}/` })).objects.map(({ key }) => key);
const sweepAt = (now: number) => purgeLeftovers(database(env.DB), env.BUCKET, now);
const HOURS_2 = 2 * 3600 * 1000;

describe("a result file that is sent whole", () => {
  it("has one name however often it is sent, and is a result once the job is completed", async () => {
    const { agent, token, fence, jobId } = await agentWithJob();
    const first = await json<{ upload_id: string }>(put({ token, fence }, { content: "first" }));
    expect(await json(put({ token, fence }, { content: "first" }))).toEqual(first);
    expect(await json(put({ token, fence }, { content: "other" }))).not.toEqual(first);
    await agent.complete(fence, 1, "the result:");
    await jobBecomes(jobId, (job) => job.status === "completed");
    const answer = await api("GET", `/jobs/${jobId}/results/${FILE}`);
    expect(await answer.text()).toBe(`the result: ${FILE}`);
  });

  it.each([
    ["without its hash", { headers: { [SHA256_HEADER]: "" } }, 422, "invalid_request"],
    [
      "that was damaged on the way",
      { headers: { [SHA256_HEADER]: "0".repeat(64) } },
      422,
      "part_checksum_mismatch",
    ],
    ["that is empty", { content: "" }, 422, "part_size_mismatch"],
    [
      "that is too large",
      { headers: { "content-length": String(MAX_WHOLE_FILE_BYTES + 1) } },
      422,
      "part_size_mismatch",
    ],
    ["with a path for a name", { filename: "..%5Cx" }, 422, "invalid_request"],
  ])("%s is refused, and not stored", async (_, request, status, code) => {
    const { token, fence, jobId } = await agentWithJob();
    expect(await json(put({ token, fence }, request), status)).toMatchObject({ code });
    expect(await keysOf(jobId)).toEqual([]);
  });

  it("is refused under a stale fence", async () => {
    const { token, fence, jobId } = await agentWithJob();
    const stale = { ...fence, lease_id: crypto.randomUUID() };
    expect(await json(put({ token, fence: stale }), 409)).toMatchObject({ code: "stale_lease" });
    expect(await keysOf(jobId)).toEqual([]);
  });

  it("is no result under another hash than its own, nor before it is stored", async () => {
    for (const change of ["hash", "not stored"]) {
      const { agent, fence, jobId } = await agentWithJob();
      const uploads = [];
      for (const filename of RESULT_FILES) uploads.push(await agent.uploadWhole(fence, filename, filename));
      const [lie] = uploads;
      if (lie === undefined) throw new Error("no file");
      lie.sha256 = await sha256Hex("something else");
      const attempt = { id: jobId, attempt: fence.attempt };
      if (change === "not stored") lie.upload_id = (await nameWholeFile(attempt, lie)).uploadId;
      agent.send({ type: "job.complete", fence, seq: 1, uploads, report: EMPTY_REPORT });
      await agent.next("ack");
      expect(await json(api("GET", `/jobs/${jobId}`))).toMatchObject({ status: "queued", failures: 1 });
    }
  });
});

describe("files that are no results", () => {
  it("go with the end of the job; those that arrive later are swept an hour after it", async () => {
    const { agent, token, fence, jobId } = await agentWithJob();
    await json(put({ token, fence }, { content: "left over" }));
    await sweepAt(Date.now() + HOURS_2);
    // While the job runs, they may become results.
    expect(await keysOf(jobId)).toHaveLength(1);
    await agent.complete(fence, 1);
    await jobBecomes(jobId, (job) => job.status === "completed");
    expect(await keysOf(jobId)).toHaveLength(RESULT_FILES.length);
    await env.BUCKET.put(`jobs/${jobId}/1/late/${FILE}`, "late");
    await sweepAt(Date.now());
    expect(await keysOf(jobId)).toHaveLength(1 + RESULT_FILES.length);
    await sweepAt(Date.now() + HOURS_2);
    expect(await keysOf(jobId)).toHaveLength(RESULT_FILES.length);
    const { count } = (await env.DB.prepare("SELECT count(*) AS count FROM result_sweeps WHERE job_id = ?")
      .bind(jobId)
      .first<{ count: number }>()) ?? { count: -1 };
    expect(count).toBe(0);
  });

  it("are deleted when they arrive after the end of their attempt, unless they are results", async () => {
    const { agent, token, fence, jobId } = await agentWithJob();
    const db = database(env.DB);
    const attempt = { id: jobId, attempt: fence.attempt };
    const late = await nameWholeFile(attempt, { filename: FILE, sha256: await sha256Hex("late") });
    await json(put({ token, fence }, { content: "late" }));
    // Another lease of the attempt may have taken over.
    await discardLateFile(db, env.BUCKET, attempt, late.r2Key);
    expect(await keysOf(jobId)).toEqual([late.r2Key]);
    await agent.complete(fence, 1);
    await jobBecomes(jobId, (job) => job.status === "completed");
    const results = await keysOf(jobId);
    await env.BUCKET.put(late.r2Key, "late");
    for (const key of [late.r2Key, ...results]) await discardLateFile(db, env.BUCKET, attempt, key);
    expect((await keysOf(jobId)).toSorted()).toEqual(results.toSorted());
  });

  it("do not become results of the next attempt", async () => {
    const { agent, fence, pool } = await agentWithJob();
    const uploads = [];
    for (const filename of RESULT_FILES) uploads.push(await agent.uploadWhole(fence, filename, filename));
    agent.fail(fence, 1, "source_unreachable");
    await agent.next("ack");
    await passTime(pool, 700_000);
    const next = await agent.takeJob();
    agent.send({ type: "job.complete", fence: next, seq: 1, uploads, report: EMPTY_REPORT });
    await agent.next("ack");
    expect(await json(api("GET", `/jobs/${fence.job_id}`))).toMatchObject({ status: "queued", failures: 2 });
  });
});
