import { env } from "cloudflare:workers";
import { RESULT_FILES, type ServerMessage } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { sha256Hex } from "../http/credentials.ts";
import { API_KEY, api, createJob, json, mintAgent } from "../testing/api.ts";
import { agentWithJob, evictDispatcher, getJob, jobBecomes, newPool, passTime } from "../testing/dispatch.ts";
import { EMPTY_REPORT, ScriptedAgent } from "../testing/scripted-agent.ts";

async function eventsOf(jobId: string): Promise<string[]> {
  const { results } = await env.DB.prepare("SELECT status FROM job_events WHERE job_id = ? ORDER BY number")
    .bind(jobId)
    .all<{ status: string }>();
  return results.map((event) => event.status);
}

describe("a job's way", () => {
  it("leads from POST /jobs over the agent to files that download as they were uploaded", async () => {
    const pool = newPool();
    const { token } = await mintAgent(pool);
    const agent = await ScriptedAgent.connect(token);
    const jobId = await createJob({ pool, iterations: 300 });

    const assign = await agent.next("job.assign");
    expect(assign.spec).toMatchObject({
      source: { kind: "url", url: "https://example.com/v.mp4" },
      options: { iterations: 300, engine: "auto" },
    });
    const { fence } = assign;
    expect(fence).toMatchObject({ job_id: jobId, attempt: 1 });
    agent.send({ type: "job.accept", fence });
    await agent.stage(fence, 1, "downloading_video");
    await agent.stage(fence, 2, "training");
    agent.send({
      type: "job.progress",
      fence,
      progress: 42,
      stage_progress: 50,
      message: "Step 150/300",
      eta_seconds: 60,
    });
    expect(await jobBecomes(jobId, (job) => job.progress === 42)).toMatchObject({
      status: "training",
      message: "Step 150/300",
      eta_seconds: expect.any(Number),
      results: null,
    });
    await agent.stage(fence, 3, "exporting");
    await agent.complete(fence, 4, "bytes of");
    expect(await agent.next("ack")).toEqual({ type: "ack", fence, seq: 4 });

    const status = await json<{ results: Record<string, { url: string; size: number; sha256: string }> }>(
      api("GET", `/jobs/${jobId}/status`),
    );
    expect(status).toMatchObject({ status: "completed", progress: 100, error: null });
    expect(Object.keys(status.results).toSorted()).toEqual([...RESULT_FILES].toSorted());
    for (const filename of RESULT_FILES) {
      const response = await api("GET", `/jobs/${jobId}/results/${filename}`);
      const body = new TextDecoder().decode(await response.arrayBuffer());
      expect(body).toBe(`bytes of ${filename}`);
      expect(response.headers.get("x-content-sha256")).toBe(await sha256Hex(body));
      expect(status.results[filename]).toMatchObject({ size: body.length, sha256: await sha256Hex(body) });
    }
    expect(await eventsOf(jobId)).toEqual([
      "queued",
      "queued",
      "downloading_video",
      "training",
      "exporting",
      "completed",
    ]);
  });

  it("ends with DELETE: rows and objects are gone, the agent is told", async () => {
    const { agent, fence, jobId } = await agentWithJob();
    await agent.complete(fence, 1);
    await agent.next("ack");
    const objects = await env.BUCKET.list({ prefix: `jobs/${jobId}/` });
    expect(objects.objects).toHaveLength(3);

    expect(await json(api("DELETE", `/jobs/${jobId}`))).toEqual({ message: "Job deleted successfully" });
    expect((await api("GET", `/jobs/${jobId}/status`)).status).toBe(404);
    expect((await api("GET", `/jobs/${jobId}/results/transforms.json`)).status).toBe(404);
    expect((await env.BUCKET.list({ prefix: `jobs/${jobId}/` })).objects).toEqual([]);
    expect(await agent.next("job.forget")).toEqual({ type: "job.forget", job_id: jobId });
    expect(await eventsOf(jobId)).toEqual([]);
  });
});

describe("an acked message", () => {
  it("changes the job once, however often it is sent", async () => {
    const { agent, fence, jobId } = await agentWithJob();
    for (let times = 0; times < 3; times += 1) await agent.stage(fence, 1, "training");
    expect(await eventsOf(jobId)).toEqual(["queued", "queued", "training"]);
  });

  it("that is late changes nothing: stages never go back", async () => {
    const { agent, fence, jobId } = await agentWithJob();
    await agent.stage(fence, 2, "training");
    await agent.stage(fence, 1, "downloading_video");
    await agent.stage(fence, 3, "downloading_video");
    await agent.stage(fence, 1, "exporting");
    expect(await getJob(jobId)).toMatchObject({ status: "training" });
  });

  it("completes once, and a repeated completion is acked again", async () => {
    const { agent, fence, jobId } = await agentWithJob();
    const uploads = [];
    for (const filename of RESULT_FILES) uploads.push(await agent.upload(fence, filename, filename));
    for (let times = 0; times < 3; times += 1) {
      agent.send({ type: "job.complete", fence, seq: 1, uploads, report: EMPTY_REPORT });
      expect(await agent.next("ack")).toMatchObject({ seq: 1 });
    }
    expect((await eventsOf(jobId)).filter((status) => status === "completed")).toHaveLength(1);
    expect((await api("GET", `/jobs/${jobId}/results/transforms.json`)).status).toBe(200);
  });

  it("cannot make an ended job change", async () => {
    const { agent, fence, jobId } = await agentWithJob();
    await agent.complete(fence, 1);
    await agent.next("ack");
    agent.fail(fence, 2, "source_not_found");
    await agent.next("ack");
    expect(await getJob(jobId)).toMatchObject({ status: "completed", error: null });
  });
});

describe("progress", () => {
  it("never falls, also when the Dispatcher has forgotten what it wrote", async () => {
    const { agent, pool, fence, jobId } = await agentWithJob();
    const progress = { type: "job.progress", fence, stage_progress: 0, eta_seconds: null } as const;
    agent.send({ ...progress, progress: 50, message: "far" });
    await jobBecomes(jobId, (job) => job.progress === 50);
    await evictDispatcher(pool, "hibernate");
    agent.send({ ...progress, progress: 30, message: "late" });
    await agent.stage(fence, 1, "training");
    expect(await getJob(jobId)).toMatchObject({ progress: 50 });
  });
});

describe("completing", () => {
  it("without all the files puts the job back, and never shows a result", async () => {
    const { agent, fence, jobId } = await agentWithJob();
    const only = await agent.upload(fence, "transforms.json", "{}");
    agent.send({ type: "job.complete", fence, seq: 1, uploads: [only], report: EMPTY_REPORT });
    await agent.next("ack");
    const job = await getJob(jobId);
    expect(job).toMatchObject({ status: "queued", failures: 1, results: null });
    expect(job.message).toContain("Not in storage: baked_splat.ply, baked_splat_sh.ply.");
  });

  it("with another size than the stored one does not count as stored", async () => {
    const { agent, fence, jobId } = await agentWithJob();
    const uploads = [];
    for (const filename of RESULT_FILES) uploads.push(await agent.upload(fence, filename, filename));
    const [first, ...others] = uploads;
    if (first === undefined) throw new Error("no upload");
    agent.send({
      type: "job.complete",
      fence,
      seq: 1,
      uploads: [{ ...first, size: first.size + 1 }, ...others],
      report: EMPTY_REPORT,
    });
    await agent.next("ack");
    expect(await getJob(jobId)).toMatchObject({ status: "queued" });
  });

  it("with another object in storage than the one that was uploaded does not count as stored", async () => {
    const { agent, fence, jobId } = await agentWithJob();
    await agent.stage(fence, 1, "exporting");
    const uploads = [];
    for (const filename of RESULT_FILES) uploads.push(await agent.upload(fence, filename, "as uploaded"));
    const key = `jobs/${jobId}/1/${uploads[0]?.upload_id}/${uploads[0]?.filename}`;
    expect(await env.BUCKET.head(key)).not.toBeNull();
    await env.BUCKET.put(key, "as replaced");
    agent.send({ type: "job.complete", fence, seq: 2, uploads, report: EMPTY_REPORT });
    await agent.next("ack");
    expect(await getJob(jobId)).toMatchObject({ status: "queued", failures: 1, results: null });
  });

  it("leaves no object of an upload that did not win", async () => {
    const { agent, fence, jobId } = await agentWithJob();
    await agent.upload(fence, "transforms.json", "an older try");
    await agent.complete(fence, 1);
    await agent.next("ack");
    expect((await env.BUCKET.list({ prefix: `jobs/${jobId}/` })).objects).toHaveLength(3);
  });
});

describe("failing", () => {
  it("finally shows the code, a plain sentence and a hint", async () => {
    const { agent, fence, jobId } = await agentWithJob();
    agent.fail(fence, 1, "source_not_found");
    await agent.next("ack");
    expect(await json(api("GET", `/jobs/${jobId}/status`))).toMatchObject({
      status: "failed",
      error: "The server has no video at this URL. It says no.",
      error_code: "source_not_found",
      error_hint: expect.stringContaining("Check the URL"),
    });
    expect(await getJob(jobId)).toMatchObject({ log_tail: ["last line"] });
  });

  it("for a retryable reason is retried after a wait, and final after three failures", async () => {
    const { agent, pool, jobId, fence } = await agentWithJob();
    let current = fence;
    for (let failures = 1; failures < 3; failures += 1) {
      agent.fail(current, 1, "source_unreachable");
      await agent.next("ack");
      expect(await getJob(jobId)).toMatchObject({
        status: "queued",
        failures,
        next_attempt_at: expect.any(String),
      });
      await passTime(pool, 700_000);
      current = await agent.takeJob();
      expect(current.attempt).toBe(failures + 1);
    }
    agent.fail(current, 1, "source_unreachable");
    await agent.next("ack");
    expect(await getJob(jobId)).toMatchObject({
      status: "failed",
      failures: 3,
      error_code: "source_unreachable",
    });
  });

  it("counts under a number that was used before, as by an agent whose disk lost the latest of its record", async () => {
    const { agent, fence, jobId } = await agentWithJob();
    await agent.stage(fence, 1, "downloading_video");
    await agent.stage(fence, 2, "training");
    agent.fail(fence, 2, "source_not_found");
    await agent.next("ack");
    expect(await getJob(jobId)).toMatchObject({ status: "failed" });
  });

  it("frees the agent for the next job", async () => {
    const { agent, pool, fence } = await agentWithJob();
    const next = await createJob({ pool });
    agent.fail(fence, 1, "source_not_found");
    expect((await agent.takeJob()).job_id).toBe(next);
  });
});

describe("a stale fence", () => {
  const CHANGES = [
    ["another lease", { lease_id: "stolen" }],
    ["another attempt", { attempt: 2 }],
    ["another job", { job_id: "00000000-0000-4000-8000-000000000000" }],
  ] as const;

  it.each(CHANGES)(
    "(%s) changes nothing over the socket, and the sender is told to abandon",
    async (_, change) => {
      const { agent, fence, jobId } = await agentWithJob();
      const stale = { ...fence, ...change };
      const before = await getJob(jobId);
      const messages: Parameters<ScriptedAgent["send"]>[0][] = [
        { type: "job.accept", fence: stale },
        { type: "job.stage", fence: stale, seq: 1, status: "training", progress: 5, message: "x" },
        { type: "job.progress", fence: stale, progress: 90, stage_progress: 0, message: "x", eta_seconds: 1 },
        { type: "job.complete", fence: stale, seq: 2, uploads: [fakeUpload()], report: EMPTY_REPORT },
        {
          type: "job.fail",
          fence: stale,
          seq: 3,
          code: "training_failed",
          detail: "",
          log_tail: [],
          report: EMPTY_REPORT,
        },
      ];
      for (const message of messages) {
        agent.send(message);
        const abandon: ServerMessage = await agent.next("job.abandon");
        expect(abandon).toMatchObject({ fence: stale });
      }
      expect(await getJob(jobId)).toEqual(before);
    },
  );

  it("of a job that another agent has changes nothing", async () => {
    const { pool, fence, jobId } = await agentWithJob();
    const thief = await ScriptedAgent.connect((await mintAgent(pool, "thief")).token);
    thief.send({ type: "job.stage", fence, seq: 1, status: "training", progress: 5, message: "x" });
    expect(await thief.next("job.abandon")).toMatchObject({ fence });
    expect(await getJob(jobId)).toMatchObject({ status: "queued" });
  });

  it.each(CHANGES)("(%s) is refused with 409 over HTTP", async (_, change) => {
    const { agent, fence } = await agentWithJob();
    await expect(agent.upload({ ...fence, ...change }, "transforms.json", "x")).rejects.toThrow(
      /409.*stale_lease/,
    );
  });
});

function fakeUpload() {
  return { filename: "transforms.json", upload_id: crypto.randomUUID(), size: 1, sha256: "0".repeat(64) };
}

describe("downloading a result", () => {
  async function completedJob(): Promise<string> {
    const { agent, fence, jobId } = await agentWithJob();
    await agent.complete(fence, 1, "0123456789");
    await agent.next("ack");
    return `/jobs/${jobId}/results/transforms.json`;
  }
  const key = { "x-api-key": API_KEY };

  it("serves ranges, conditional requests and HEAD", async () => {
    const path = await completedJob();
    const whole = await api("GET", path);
    const text = await whole.text();
    const etag = whole.headers.get("etag") ?? "";
    expect(whole.headers.get("content-disposition")).toContain('filename="transforms.json"');
    expect(whole.headers.get("content-type")).toBe("application/json");
    expect(whole.headers.get("content-length")).toBe(String(text.length));

    const part = await api("GET", path, undefined, { ...key, range: "bytes=2-4" });
    expect([part.status, await part.text(), part.headers.get("content-range")]).toEqual([
      206,
      text.slice(2, 5),
      `bytes 2-4/${text.length}`,
    ]);
    const beyond = await api("GET", path, undefined, { ...key, range: "bytes=999-" });
    expect([beyond.status, beyond.headers.get("content-range")]).toEqual([416, `bytes */${text.length}`]);
    expect((await api("GET", path, undefined, { ...key, "if-none-match": etag })).status).toBe(304);
    const changed = await api("GET", path, undefined, { ...key, range: "bytes=2-4", "if-range": '"old"' });
    expect([changed.status, await changed.text()]).toEqual([200, text]);
    const head = await api("HEAD", path);
    expect([head.status, await head.text(), head.headers.get("content-length")]).toEqual([
      200,
      "",
      String(text.length),
    ]);
  });

  it("answers 404 for a file that the job does not have, or not yet", async () => {
    const path = await completedJob();
    expect((await api("GET", `${path}x`)).status).toBe(404);
    const queued = await createJob();
    expect(await json(api("GET", `/jobs/${queued}/results/transforms.json`), 404)).toMatchObject({
      code: "result_not_found",
    });
  });
});
