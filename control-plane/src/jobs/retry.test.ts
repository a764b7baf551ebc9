import { describe, expect, it } from "vitest";
import { API_KEY, api, createJob, json, mintAgent } from "../testing/api.ts";
import { agentWithJob, getJob, jobBecomes } from "../testing/dispatch.ts";
import { ScriptedAgent } from "../testing/scripted-agent.ts";

function retry(id: string, body?: unknown) {
  return api("POST", `/jobs/${id}/retry`, body);
}

async function failedJob() {
  const made = await agentWithJob();
  made.agent.fail(made.fence, 1, "source_not_found");
  await jobBecomes(made.jobId, ({ status }) => status === "failed");
  return made;
}

describe("POST /jobs/{id}/retry", () => {
  it("makes a new job of the same video and options, and leaves the old one as it is", async () => {
    const { jobId, pool, agent } = await failedJob();
    const { job_id, status } = await json<{ job_id: string; status: string }>(retry(jobId));
    expect(status).toBe("queued");
    expect(job_id).not.toBe(jobId);
    const [before, after] = [await getJob(jobId), await getJob(job_id)];
    expect(after).toMatchObject({
      retry_of: jobId,
      source: before.source,
      filename: before.filename,
      task_id: before.task_id,
      options: before.options,
      pool,
    });
    expect(before).toMatchObject({ status: "failed", retry_of: null });
    expect((await agent.next("job.assign")).spec.retry_of).toBe(jobId);
  });

  it("takes new options, and refuses bad ones", async () => {
    const { jobId } = await failedJob();
    const answer = await json<{ job_id: string; warnings: string[] }>(
      retry(jobId, { iterations: 7, task_id: "again", video_url: "https://example.com/other.mp4" }),
    );
    expect(answer.warnings).toEqual(["The field video_url is not known and was ignored."]);
    const job = await getJob(answer.job_id);
    expect(job).toMatchObject({ task_id: "again", source: { url: "https://example.com/v.mp4" } });
    expect(job.options).toMatchObject({ iterations: 7, fps: 4 });
    const problem = await json<{ detail: { loc: string[] }[] }>(retry(jobId, { fps: "many" }), 422);
    expect(problem.detail[0]?.loc).toEqual(["body", "fps"]);
    for (const body of [[], "x", 5, null]) await json(retry(jobId, body), 422);
  });

  it("goes to the agent that worked on the job, when another is idle too", async () => {
    const { jobId, pool, agent, fence } = await agentWithJob();
    const idle = await ScriptedAgent.connect((await mintAgent(pool)).token);
    await json(api("POST", `/jobs/${jobId}/cancel`));
    await agent.next("job.cancel");
    agent.send({ type: "job.cancelled", fence, seq: 1 });
    const { job_id } = await json<{ job_id: string }>(retry(jobId));
    expect((await agent.next("job.assign")).fence.job_id).toBe(job_id);
    expect(idle.has("job.assign")).toBe(false);
  });

  it("shares an uploaded video, which goes with the last job that uses it", async () => {
    const upload = await json<{ upload_id: string }>(api("POST", "/uploads", { filename: "v.mp4", size: 3 }));
    const path = `/uploads/${upload.upload_id}`;
    await json(
      api("PUT", `${path}/parts/1`, Uint8Array.of(1, 2, 3), { "x-api-key": API_KEY, "content-length": "3" }),
    );
    await json(api("POST", `${path}/complete`));
    const first = await createJob({ filebin_url: undefined, upload_id: upload.upload_id });
    await json(api("POST", `/jobs/${first}/cancel`));
    const { job_id: second } = await json<{ job_id: string }>(retry(first));
    await json(api("DELETE", `/jobs/${first}`));
    expect((await api("GET", path)).status).toBe(200);
    await json(api("POST", `/jobs/${second}/cancel`));
    await json(api("DELETE", `/jobs/${second}`));
    expect((await api("GET", path)).status).toBe(404);
  });

  it("is 409 while the job runs, and 404 for one that does not exist", async () => {
    const { jobId } = await agentWithJob();
    expect(await json(retry(jobId), 409)).toMatchObject({ code: "job_not_ended" });
    expect(await json(retry(crypto.randomUUID()), 404)).toMatchObject({ code: "job_not_found" });
  });
});

describe("GET /jobs/{id}/events", () => {
  it("lists a job's history across its attempts", async () => {
    const { jobId, agentId } = await failedJob();
    const { events } = await json<{ events: Record<string, unknown>[] }>(api("GET", `/jobs/${jobId}/events`));
    expect(events.map(({ number, status, attempt }) => [number, status, attempt])).toEqual([
      [1, "queued", 0],
      [2, "queued", 1],
      [3, "failed", 1],
    ]);
    expect(events[2]).toMatchObject({
      agent_id: agentId,
      error_code: "source_not_found",
      at: expect.stringMatching(/\+00:00$/),
    });
  });
});
