import { runInDurableObject } from "cloudflare:test";
import type { AgentOffer } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { createJob, mintAgent } from "../testing/api.ts";
import { dispatcher, getJob, jobBecomes, newPool } from "../testing/dispatch.ts";
import { BUILTIN_OFFER, ScriptedAgent } from "../testing/scripted-agent.ts";
import { type Lease, LeaseTable } from "./lease-table.ts";
import { NO_NEEDS } from "./placement.ts";
import { chooseRecalls } from "./recall.ts";

const PREFETCHING: AgentOffer = { ...BUILTIN_OFFER, slots: 2, parallel: 1 };

/** An agent that works on one job and has been given another in advance. */
async function busyAgent() {
  const pool = newPool();
  const { agent_id, token } = await mintAgent(pool);
  const agent = await ScriptedAgent.connect(token, { offer: PREFETCHING });
  const working = { jobId: await createJob({ pool }), fence: await agent.takeJob() };
  await agent.stage(working.fence, 1, "training");
  const waiting = { jobId: await createJob({ pool }), fence: await agent.takeJob() };
  return { pool, agentId: agent_id, agent, working, waiting };
}

function lease(jobId: string, agentId: string): Lease {
  return { jobId, agentId, attempt: 1, leaseId: jobId, state: "held", since: 0, sends: 1, lostAt: null };
}

describe("a job that was given in advance", () => {
  it("is called back for an agent that falls idle, and goes there", async () => {
    const { pool, agent, waiting } = await busyAgent();
    const { agent_id, token } = await mintAgent(pool);
    const idle = await ScriptedAgent.connect(token);
    expect(await agent.next("job.recall")).toMatchObject({ fence: waiting.fence });
    agent.send({ type: "job.recalled", fence: waiting.fence, seq: 1 });
    expect(await agent.next("ack")).toMatchObject({ seq: 1 });
    await idle.takeJob();
    expect(await getJob(waiting.jobId)).toMatchObject({ agent_id, attempt: 2, failures: 0, lost_leases: 0 });
  });

  it("is called back though hundreds of others were given in advance: D1 takes a hundred parameters", async () => {
    const { pool, agent, agentId, waiting } = await busyAgent();
    await runInDurableObject(dispatcher(pool), (_, state) => {
      const leases = new LeaseTable(state.storage.sql);
      for (let i = 0; i < 150; i++) leases.put(lease(crypto.randomUUID(), agentId));
    });
    await ScriptedAgent.connect((await mintAgent(pool)).token);
    expect(await agent.next("job.recall")).toMatchObject({ fence: waiting.fence });
  });

  it("stays where it is once it has begun", async () => {
    const { pool, agent, agentId, waiting } = await busyAgent();
    await agent.stage(waiting.fence, 1, "downloading_video");
    const idle = await ScriptedAgent.connect((await mintAgent(pool)).token);
    await createJob({ pool });
    await idle.takeJob();
    expect(agent.has("job.recall")).toBe(false);
    expect(await getJob(waiting.jobId)).toMatchObject({ agent_id: agentId });
  });
});

describe("a job that is handed back", () => {
  it("waits for another agent, and nothing is counted against it", async () => {
    const { agent, agentId, working, pool } = await busyAgent();
    agent.send({ type: "offer", offer: { ...PREFETCHING, slots: 0, reason: "stops" } });
    agent.send({ type: "job.returned", fence: working.fence, seq: 2, reason: "The agent stops." });
    expect(await agent.next("ack")).toMatchObject({ seq: 2 });
    expect(await jobBecomes(working.jobId, ({ status }) => status === "queued")).toMatchObject({
      agent_id: null,
      failures: 0,
      lost_leases: 0,
      next_attempt_at: null,
    });
    const other = await mintAgent(pool);
    await (await ScriptedAgent.connect(other.token)).takeJob();
    const [first, second] = [await getJob(working.jobId), other.agent_id];
    expect(first.agent_id).toBe(second);
    expect(first.agent_id).not.toBe(agentId);
  });
});

describe("chooseRecalls", () => {
  const job = (id: string, engine: "auto" | "brush" = "auto") => ({
    id,
    engine,
    ...NO_NEEDS,
    lastAgentId: null,
  });
  const idle = (agents: number) => [{ offer: BUILTIN_OFFER, agents }];
  it.each([
    ["no agent is idle", [job("1")], [], []],
    ["one each", [job("1"), job("2")], idle(1), ["1"]],
    ["two idle", [job("1"), job("2")], idle(2), ["1", "2"]],
    ["not what the idle one cannot run", [job("1", "brush"), job("2")], idle(1), ["2"]],
  ])("%s", (_, unbegun, agents, expected) => {
    const leases = unbegun.map(({ id }) => lease(id, "a"));
    expect(chooseRecalls(unbegun, leases, agents).map(({ jobId }) => jobId)).toEqual(expected);
  });
});
