import { env } from "cloudflare:workers";
import { RESULT_FILES } from "@splatt/shared";
import { eq } from "drizzle-orm";
import { describe, expect, it } from "vitest";
import { database } from "../db/database.ts";
import { resultUploads } from "../db/schema.ts";
import { purgeLeftovers } from "../maintenance/purge.ts";
import { api, createJob, json, mintAgent } from "../testing/api.ts";
import { agentWithJob, getJob, jobBecomes, newPool, passTime } from "../testing/dispatch.ts";
import { EMPTY_REPORT, ScriptedAgent } from "../testing/scripted-agent.ts";

function cancel(id: string) {
  return api("POST", `/jobs/${id}/cancel`);
}

describe("POST /jobs/{id}/cancel", () => {
  it("ends a waiting job, and no agent gets it", async () => {
    const pool = newPool();
    const { token } = await mintAgent(pool);
    const id = await createJob({ pool });
    expect(await json(cancel(id))).toMatchObject({ job_id: id, status: "cancelled", error: null });
    const agent = await ScriptedAgent.connect(token);
    await passTime(pool, 60_000);
    expect(agent.has("job.assign")).toBe(false);
    expect(await getJob(id)).toMatchObject({ status: "cancelled", ended_at: expect.any(String) });
  });

  it("ends a running job at once, stops its agent, and assigns it the next job", async () => {
    const { pool, agent, fence, jobId, agentId } = await agentWithJob();
    await agent.stage(fence, 1, "training");
    const next = await createJob({ pool });
    expect(await json(cancel(jobId))).toMatchObject({ status: "cancelled" });
    expect(await agent.next("job.cancel")).toMatchObject({ fence });
    expect((await agent.next("job.assign")).fence.job_id).toBe(next);
    agent.send({ type: "job.cancelled", fence, seq: 2 });
    expect(await agent.next("ack")).toEqual({ type: "ack", fence, seq: 2 });
    expect(await getJob(jobId)).toMatchObject({ status: "cancelled", agent_id: agentId });
  });

  it("holds against whatever the agent still sends", async () => {
    const { agent, fence, jobId } = await agentWithJob();
    const uploads = [];
    for (const filename of RESULT_FILES) uploads.push(await agent.upload(fence, filename, filename));
    await json(cancel(jobId));
    agent.send({ type: "job.complete", fence, seq: 1, uploads, report: EMPTY_REPORT });
    expect(await agent.next("job.abandon")).toMatchObject({ fence });
    expect(await getJob(jobId)).toMatchObject({ status: "cancelled", results: null });
    await expect(agent.upload(fence, "transforms.json", "late")).rejects.toThrow("stale_lease");
  });

  it("leaves nothing in storage of what the agent had uploaded", async () => {
    const { agent, fence, jobId } = await agentWithJob();
    await agent.upload(fence, "transforms.json", "{}");
    await json(cancel(jobId));
    await agent.next("job.cancel");
    const db = database(env.DB);
    await expect
      .poll(async () => {
        const rows = await db.select().from(resultUploads).where(eq(resultUploads.jobId, jobId));
        const { objects } = await env.BUCKET.list({ prefix: `jobs/${jobId}/` });
        return rows.length + objects.length;
      })
      .toBe(0);
  });

  it("is found out by the scheduled purge when it was cut off after D1 had it", async () => {
    const { agent, fence, jobId } = await agentWithJob();
    await agent.upload(fence, "transforms.json", "{}");
    await env.DB.prepare("UPDATE jobs SET status = 'cancelled', lease_id = NULL WHERE id = ?")
      .bind(jobId)
      .run();
    await purgeLeftovers(database(env.DB), env.BUCKET, Date.now() + 2 * 3600 * 1000);
    expect((await env.BUCKET.list({ prefix: `jobs/${jobId}/` })).objects).toEqual([]);
  });

  it("reaches an agent that was away when it comes back", async () => {
    const { agent, fence, jobId, token, instance } = await agentWithJob();
    await agent.stage(fence, 1, "training");
    agent.close();
    await json(cancel(jobId));
    const held = [{ fence, status: "training" as const, progress: 10, message: "" }];
    const back = await ScriptedAgent.connect(token, { instance, held });
    expect(back.welcome.jobs).toEqual([
      { action: "abandon", held: fence, reason: expect.stringContaining("cancelled") },
    ]);
  });

  it("ends a job that waits for its next attempt", async () => {
    const { agent, fence, jobId } = await agentWithJob();
    agent.fail(fence, 1, "source_unreachable");
    await jobBecomes(jobId, ({ failures }) => failures === 1);
    expect(await json(cancel(jobId))).toMatchObject({ status: "cancelled" });
    expect(await getJob(jobId)).toMatchObject({ next_attempt_at: null });
  });

  it("may be repeated; a job that ended otherwise is 409, an unknown one 404", async () => {
    const id = await createJob();
    for (let times = 0; times < 2; times += 1)
      expect(await json(cancel(id))).toMatchObject({ status: "cancelled" });
    const { agent, fence, jobId } = await agentWithJob();
    agent.fail(fence, 1, "source_not_found");
    await jobBecomes(jobId, ({ status }) => status === "failed");
    expect(await json(cancel(jobId), 409)).toMatchObject({ code: "job_ended", detail: "The job is failed." });
    expect(await json(cancel(crypto.randomUUID()), 404)).toMatchObject({ code: "job_not_found" });
  });
});
