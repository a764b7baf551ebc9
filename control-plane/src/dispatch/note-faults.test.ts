import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { AgentView, FailureCode, Health } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { api, createJob, json, mintAgent } from "../testing/api.ts";
import { dispatcher, getJob, jobBecomes, newPool, passTime } from "../testing/dispatch.ts";
import { BUILTIN_OFFER, ScriptedAgent } from "../testing/scripted-agent.ts";

const TWO_SLOTS = { ...BUILTIN_OFFER, slots: 2, parallel: 1 };

async function box(pool: string, offer = BUILTIN_OFFER) {
  const { agent_id, token } = await mintAgent(pool);
  return { agentId: agent_id, token, agent: await ScriptedAgent.connect(token, { offer }) };
}

async function viewOf(agentId: string): Promise<AgentView> {
  const { agents } = await json<{ agents: AgentView[] }>(api("GET", "/agents"));
  const view = agents.find(({ agent_id }) => agent_id === agentId);
  if (view === undefined) throw new Error("no such agent");
  return view;
}

const release = (token: string) =>
  json<{ was_quarantined: boolean }>(
    api("POST", "/agent/release", undefined, { authorization: `Bearer ${token}` }),
  );

/** Gives the agent a job with a new video, and lets it fail. */
async function failOne(
  pool: string,
  agent: ScriptedAgent,
  code: FailureCode = "training_failed",
): Promise<string> {
  const url = `https://example.com/${crypto.randomUUID()}.mp4`;
  const jobId = await createJob({ pool, filebin_url: url });
  await passTime(pool, 60_000);
  const fence = await agent.takeJob();
  await agent.stage(fence, 1, "training");
  agent.fail(fence, 2, code);
  await expect.poll(async () => (await getJob(jobId)).status).toBe("failed");
  return jobId;
}

async function quarantinedBox(pool = newPool()) {
  const made = await box(pool);
  for (let job = 0; job < 3; job += 1) await failOne(pool, made.agent);
  const { reason } = await made.agent.next("quarantine");
  return { ...made, pool, reason };
}

describe("an agent whose jobs failed in a row", () => {
  it("gets no more, learns why, and everybody sees it", async () => {
    const { pool, agentId, agent, reason } = await quarantinedBox();
    expect(reason).toContain("3 jobs with different videos failed");
    const view = await viewOf(agentId);
    expect(view.quarantined_since).not.toBeNull();
    expect(view.faults.map(({ code }) => code)).toEqual(Array(3).fill("training_failed"));
    const health = await json<Health>(api("GET", "/health"));
    expect(health.agents.find((each) => each.pool === pool)).toMatchObject({ slots: 0, reason });

    const jobId = await createJob({ pool });
    await passTime(pool, 60_000);
    await dispatcher(pool).tick();
    await jobBecomes(jobId, ({ message }) => message.includes("failed here in a row"));
    expect(await getJob(jobId)).toMatchObject({ status: "queued", attempt: 0 });
    expect(agent.has("job.assign")).toBe(false);
    agent.close();
  });

  it("stays so when it connects again, and when its Dispatcher starts anew", async () => {
    const { pool, token, agent, reason } = await quarantinedBox();
    agent.close();
    const again = await ScriptedAgent.connect(token);
    expect(again.welcome.quarantine).toBe(reason);
    const jobId = await createJob({ pool });
    await passTime(pool, 60_000);
    await dispatcher(pool).tick();
    expect(await getJob(jobId)).toMatchObject({ status: "queued", attempt: 0 });
    again.close();
  });

  it("gets jobs again when its doctor has passed", async () => {
    const { pool, agentId, token, agent } = await quarantinedBox();
    const jobId = await createJob({ pool });
    expect(await release(token)).toEqual({ was_quarantined: true });
    expect((await agent.next("quarantine")).reason).toBeNull();
    await passTime(pool, 60_000);
    expect((await agent.takeJob()).job_id).toBe(jobId);
    expect(await viewOf(agentId)).toMatchObject({ quarantined_since: null, faults: [] });
    expect(await release(token)).toEqual({ was_quarantined: false });
    agent.close();
  });

  it("hands back what it has not begun; another agent gets that, and nothing counts against the job", async () => {
    const pool = newPool();
    const { agent } = await box(pool, TWO_SLOTS);
    await failOne(pool, agent);
    await failOne(pool, agent);
    const first = await createJob({ pool, filebin_url: "https://example.com/third.mp4" });
    const second = await createJob({ pool, filebin_url: "https://example.com/waits.mp4" });
    await passTime(pool, 60_000);
    const fences = [await agent.takeJob(), await agent.takeJob()];
    const [failing, waiting] = [first, second].map((id) => fences.find(({ job_id }) => job_id === id));
    if (failing === undefined || waiting === undefined) throw new Error("not assigned");
    await agent.stage(failing, 1, "training");
    agent.fail(failing, 2, "training_failed");
    const { fence } = await agent.next("job.recall");
    expect(fence).toEqual(waiting);
    agent.send({ type: "job.recalled", fence, seq: 1 });
    const other = await box(pool);
    expect((await other.agent.takeJob()).job_id).toBe(second);
    expect(await getJob(second)).toMatchObject({ error_code: null });
    agent.close();
    other.agent.close();
  });

  it("is counted by the videos that failed: retries of one job are no evidence", async () => {
    const pool = newPool();
    const { agentId, agent } = await box(pool);
    const jobId = await createJob({ pool });
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      await passTime(pool, 3_600_000);
      const fence = await agent.takeJob();
      agent.fail(fence, 1, "gpu_unavailable");
      await agent.next("ack");
    }
    await jobBecomes(jobId, ({ status }) => status === "failed");
    expect(await viewOf(agentId)).toMatchObject({ quarantined_since: null });
    expect((await viewOf(agentId)).faults).toHaveLength(1);
    agent.close();
  });

  it("begins anew after a completed job", async () => {
    const pool = newPool();
    const { agentId, agent } = await box(pool);
    await failOne(pool, agent);
    await failOne(pool, agent);
    await createJob({ pool });
    await passTime(pool, 60_000);
    const fence = await agent.takeJob();
    await agent.complete(fence, 1);
    await agent.next("ack");
    await expect.poll(async () => (await viewOf(agentId)).faults).toEqual([]);
    await failOne(pool, agent);
    expect(await viewOf(agentId)).toMatchObject({ quarantined_since: null });
    agent.close();
  });

  it("is shown by the API also when D1 did not take it at first", async () => {
    const { pool, agentId, agent } = await quarantinedBox();
    await env.DB.prepare("UPDATE agents SET faults = NULL, quarantined_at = NULL WHERE id = ?")
      .bind(agentId)
      .run();
    await runInDurableObject(dispatcher(pool), (_, state) => {
      state.storage.sql.exec("UPDATE agent_faults SET unsaved = 'save'");
    });
    await dispatcher(pool).tick();
    expect((await viewOf(agentId)).quarantined_since).not.toBeNull();
    agent.close();
  });
});

describe("POST /agent/release", () => {
  it.each([
    ["no token", {}],
    ["an API key", { "x-api-key": "test-key" }],
    ["a wrong token", { authorization: `Bearer splatt_agent_${crypto.randomUUID()}.${"x".repeat(43)}` }],
  ])("is refused with %s", async (_, headers) => {
    expect((await api("POST", "/agent/release", undefined, headers)).status).toBe(401);
  });
});
