import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { CLOSE, MAX_FRAME_BYTES } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { api, createJob, json, mintAgent } from "../testing/api.ts";
import { agentWithJob, dispatcher, getJob, jobBecomes, newPool, passTime } from "../testing/dispatch.ts";
import { BUILTIN_OFFER, helloOf, ScriptedAgent } from "../testing/scripted-agent.ts";
import { readConnection } from "./agent-sockets.ts";

describe("the upgrade", () => {
  it.each([
    ["no token", {}],
    ["a malformed token", { authorization: "Bearer nonsense" }],
    [
      "a token of no agent",
      { authorization: `Bearer splatt_agent_${crypto.randomUUID()}.${"x".repeat(43)}` },
    ],
  ])("is refused with 401 for %s", async (_, headers) => {
    const response = await api("GET", "/agent", undefined, { upgrade: "websocket", ...headers });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ code: "agent_unauthorized" });
  });

  it("is refused with 401 for the right agent with a wrong secret", async () => {
    const { token } = await mintAgent(newPool());
    const wrong = `${token.slice(0, -1)}${token.endsWith("A") ? "B" : "A"}`;
    const headers = { upgrade: "websocket", authorization: `Bearer ${wrong}` };
    expect((await api("GET", "/agent", undefined, headers)).status).toBe(401);
  });

  it("asks for a WebSocket", async () => {
    const { token } = await mintAgent(newPool());
    expect((await api("GET", "/agent", undefined, { authorization: `Bearer ${token}` })).status).toBe(426);
  });
});

describe("hello", () => {
  it("is answered by the agent's own id and pool, whatever it says of itself", async () => {
    const pool = newPool();
    const { agent_id, token } = await mintAgent(pool);
    const agent = await ScriptedAgent.connect(token);
    expect(agent.welcome).toMatchObject({ agent_id, pool, jobs: [] });
    const { agents } = await json<{ agents: object[] }>(api("GET", "/agents"));
    expect(agents).toContainEqual(
      expect.objectContaining({ agent_id, pool, connected: true, offer: BUILTIN_OFFER }),
    );
    expect(JSON.stringify(agents)).not.toContain(token);
  });

  it("shows in GET /health which engine runs, and why", async () => {
    const pool = newPool();
    const reading = { memory_total: 42949672960, memory_free: 39e9, temperature: 44, utilization: 7 };
    const gpus = [{ name: "NVIDIA A100", uuid: "GPU-1", ...reading }];
    const { token } = await mintAgent(pool);
    const agent = await ScriptedAgent.connect(token, { offer: { ...BUILTIN_OFFER, gpus } });
    const health = await json<{ agents: unknown[] }>(api("GET", "/health"));
    expect(health).toMatchObject({
      gpu_available: true,
      gpu_info: { name: "NVIDIA A100", memory_total: 42949672960 },
    });
    const shown = { pool, engine: "builtin", slots: 1, reason: BUILTIN_OFFER.reason };
    // Not the UUID: health is open to all.
    expect(health.agents).toContainEqual({ ...shown, gpus: [{ name: "NVIDIA A100", ...reading }] });
    agent.close();
    await expect
      .poll(async () =>
        (await json<{ agents: { pool: string }[] }>(api("GET", "/health"))).agents.map((a) => a.pool),
      )
      .not.toContain(pool);
  });

  it.each([
    ["2.0", CLOSE.incompatible],
    ["0.9", CLOSE.incompatible],
  ])("with protocol %s is refused, naming both versions", async (protocol, code) => {
    const agent = await ScriptedAgent.dial((await mintAgent(newPool())).token);
    agent.hello({ protocol });
    const closed = await agent.closed;
    expect(closed.code).toBe(code);
    expect(closed.reason).toContain(`agent speaks protocol ${protocol}, server 1.0`);
  });

  it("with another minor version and unknown fields works", async () => {
    const agent = await ScriptedAgent.dial((await mintAgent(newPool())).token);
    const hello = {
      protocol: "1.7",
      instance_id: "i",
      name: "n",
      version: "9",
      offer: BUILTIN_OFFER,
      held: [],
    };
    agent.sendRaw(JSON.stringify({ type: "hello", ...hello, new_field: { from: "the future" } }));
    expect(await agent.next("welcome")).toMatchObject({ type: "welcome" });
  });

  it.each([
    ["no JSON", "{"],
    ["an unknown type", JSON.stringify({ type: "job.explode" })],
    ["a missing field", JSON.stringify({ type: "job.accept" })],
    ["a frame that is too long", JSON.stringify({ type: "hello", name: "x".repeat(MAX_FRAME_BYTES) })],
    ["something before the hello", JSON.stringify({ type: "job.held", jobs: [] })],
  ])("%s closes the socket with a reason", async (_, frame) => {
    const agent = await ScriptedAgent.dial((await mintAgent(newPool())).token);
    agent.sendRaw(frame);
    expect(await agent.closed).toEqual({ code: CLOSE.badMessage, reason: expect.stringMatching(/\w+/) });
  });
});

describe("two processes with one token", () => {
  it("the newer wins, and the older may not come back", async () => {
    const { token } = await mintAgent(newPool());
    const older = await ScriptedAgent.connect(token, { instance: "older" });
    const newer = await ScriptedAgent.connect(token, { instance: "newer" });
    newer.send({ type: "job.held", jobs: [] });
    expect((await older.closed).code).toBe(CLOSE.replaced);

    const again = await ScriptedAgent.dial(token);
    again.hello({ instance: "older" });
    expect((await again.closed).code).toBe(CLOSE.replaced);
    const reconnected = await ScriptedAgent.connect(token, { instance: "newer" });
    expect(reconnected.welcome.type).toBe("welcome");
    expect((await newer.closed).code).toBe(CLOSE.drained);
  });
});

describe("a hello over a socket that was closed meanwhile", () => {
  it("does not end the process that the socket was closed for", async () => {
    const pool = newPool();
    const { token } = await mintAgent(pool);
    const running = await ScriptedAgent.connect(token, { instance: "running" });
    await ScriptedAgent.dial(token);
    await runInDurableObject(dispatcher(pool), async (object, state) => {
      const closed = state.getWebSockets().find((ws) => readConnection(ws).hello === null);
      if (closed === undefined) throw new Error("the second socket is not there");
      closed.close(CLOSE.replaced, "");
      await object.webSocketMessage(closed, JSON.stringify(helloOf({ instance: "told to go" })));
    });
    const jobId = await createJob({ pool });
    expect((await running.takeJob()).job_id).toBe(jobId);
  });
});

describe("a hello that is the last word of a process that has died", () => {
  it("does not keep out the process that runs", async () => {
    const { token } = await mintAgent(newPool());
    const running = await ScriptedAgent.connect(token, { instance: "running" });
    const late = await ScriptedAgent.connect(token, { instance: "died before" });
    expect((await running.closed).code).toBe(CLOSE.replaced);
    const back = await ScriptedAgent.connect(token, { instance: "running" });
    expect((await late.closed).code).toBe(CLOSE.replaced);
    expect(back.welcome.type).toBe("welcome");
  });
});

describe("an agent that comes back", () => {
  const held = (fence: { job_id: string; attempt: number; lease_id: string }) => [
    { fence, status: "training", progress: 60, message: "Step 60/100" } as const,
  ];

  it("within the grace continues under the same lease", async () => {
    const { agent, token, instance, fence, jobId, pool } = await agentWithJob();
    await agent.stage(fence, 1, "training");
    agent.close();
    await passTime(pool, 100_000);
    const back = await ScriptedAgent.connect(token, { instance, held: held(fence) });
    expect(back.welcome.jobs).toEqual([{ action: "continue", held: fence, fence, last_seq: 1 }]);
    await back.complete(fence, 2);
    await back.next("ack");
    expect(await getJob(jobId)).toMatchObject({ status: "completed", attempt: 1, lost_leases: 0 });
  });

  it("after the grace gets its job back under a new lease, if no other agent has it", async () => {
    const { agent, token, instance, fence, jobId, pool } = await agentWithJob();
    await agent.stage(fence, 1, "training");
    agent.close();
    await jobBecomes(jobId, () => true);
    await passTime(pool, 151_000);
    expect(await getJob(jobId)).toMatchObject({ status: "queued", lost_leases: 1, failures: 0 });

    const back = await ScriptedAgent.connect(token, { instance, held: held(fence) });
    const verdict = back.welcome.jobs[0];
    if (verdict?.action !== "continue") throw new Error(`not re-adopted: ${JSON.stringify(verdict)}`);
    expect(verdict.fence).toMatchObject({ job_id: jobId, attempt: 1 });
    expect(verdict.fence.lease_id).not.toBe(fence.lease_id);
    expect(await getJob(jobId)).toMatchObject({ status: "training", message: "Step 60/100" });

    back.send({ type: "job.stage", fence, seq: 2, status: "exporting", progress: 90, message: "" });
    expect(await back.next("job.abandon")).toMatchObject({ fence });
    await back.complete(verdict.fence, 3);
    await back.next("ack");
    expect(await getJob(jobId)).toMatchObject({ status: "completed", attempt: 1 });
  });

  it("continues its job at the stage that was reached, even if it lost files and repeats stages", async () => {
    const { agent, token, instance, fence, jobId, pool } = await agentWithJob();
    await agent.stage(fence, 1, "exporting");
    agent.close();
    await passTime(pool, 151_000);
    const back = await ScriptedAgent.connect(token, { instance, held: held(fence) });
    expect(back.welcome.jobs).toMatchObject([{ action: "continue" }]);
    expect(await getJob(jobId)).toMatchObject({ status: "exporting", attempt: 1 });
  });

  it("is not given back what it has failed, though it did not hear the ack", async () => {
    const { agent, token, instance, fence, jobId } = await agentWithJob();
    await agent.stage(fence, 1, "training");
    agent.fail(fence, 2, "source_unreachable");
    await jobBecomes(jobId, (job) => job.failures === 1);
    const back = await ScriptedAgent.connect(token, { instance, held: held(fence) });
    expect(back.welcome.jobs).toMatchObject([{ action: "abandon" }]);
    expect(await getJob(jobId)).toMatchObject({ status: "queued", failures: 1, lost_leases: 0 });
  });

  it("is told to abandon what somebody else runs", async () => {
    const { agent, token, instance, fence, jobId, pool } = await agentWithJob();
    await agent.stage(fence, 1, "training");
    agent.close();
    await passTime(pool, 151_000);
    const other = await ScriptedAgent.connect((await mintAgent(pool, "other")).token);
    await passTime(pool, 700_000);
    const taken = await other.takeJob();
    expect(taken).toMatchObject({ job_id: jobId, attempt: 2 });

    const back = await ScriptedAgent.connect(token, { instance, held: held(fence) });
    expect(back.welcome.jobs).toEqual([{ action: "abandon", held: fence, reason: expect.any(String) }]);
    await other.complete(taken, 1);
    await other.next("ack");
    expect(await getJob(jobId)).toMatchObject({ status: "completed", attempt: 2 });
  });

  it.each(["completed", "deleted"])("is told to abandon a job that is %s", async (how) => {
    const { agent, token, instance, fence, jobId } = await agentWithJob();
    await agent.complete(fence, 1);
    await agent.next("ack");
    if (how === "deleted") await api("DELETE", `/jobs/${jobId}`);
    const back = await ScriptedAgent.connect(token, { instance, held: held(fence) });
    expect(back.welcome.jobs).toMatchObject([{ action: "abandon", reason: expect.stringContaining(how) }]);
  });

  it("without the job it had gives it back to the queue", async () => {
    const { agent, token, fence, jobId, pool } = await agentWithJob();
    await agent.stage(fence, 1, "training");
    const back = await ScriptedAgent.connect(token, { instance: "after a disk loss" });
    await jobBecomes(jobId, (job) => job.lost_leases === 1);
    await passTime(pool, 700_000);
    expect(await back.takeJob()).toMatchObject({ job_id: jobId, attempt: 2 });
  });

  it("is asked to forget deleted jobs of which it keeps files", async () => {
    const { agent, token, instance, fence, jobId } = await agentWithJob();
    await agent.complete(fence, 1);
    await agent.next("ack");
    const there = await createJob();
    agent.close();
    await json(api("DELETE", `/jobs/${jobId}`));
    const back = await ScriptedAgent.connect(token, { instance, kept: [there, jobId] });
    expect(await back.next("job.forget")).toEqual({ type: "job.forget", job_id: jobId });
    expect(back.has("job.forget")).toBe(false);
  });

  it("gets an assignment that it never accepted once more", async () => {
    const pool = newPool();
    const { token } = await mintAgent(pool);
    const agent = await ScriptedAgent.connect(token, { instance: "i" });
    await createJob({ pool });
    const first = await agent.next("job.assign");
    const back = await ScriptedAgent.connect(token, { instance: "i" });
    expect(await back.next("job.assign")).toEqual(first);
  });
});

describe("draining an agent", () => {
  it("reaches it when it comes back, if its socket was broken, but not the process that follows", async () => {
    const { agent, agentId, token, instance } = await agentWithJob();
    await json(api("POST", `/agents/${agentId}/drain`, { deadline_sec: 90 }));
    agent.close();
    const back = await ScriptedAgent.connect(token, { instance });
    const { deadline_ms } = await back.next("drain");
    expect(deadline_ms).toBeGreaterThan(80_000);
    expect(deadline_ms).toBeLessThanOrEqual(90_000);
    back.close();
    const next = await ScriptedAgent.connect(token, { instance: "the next process" });
    await next.next("job.assign");
    expect(next.has("drain")).toBe(false);
  });

  it("sends it the deadline, and assigns it no more jobs", async () => {
    const { agent, agentId, pool } = await agentWithJob();
    const answer = json(api("POST", `/agents/${agentId}/drain`, { deadline_sec: 90 }));
    expect(await answer).toMatchObject({ deadline_sec: 90 });
    expect(await agent.next("drain")).toEqual({ type: "drain", deadline_ms: 90_000 });
    const free = { ...BUILTIN_OFFER, slots: 2 };
    agent.send({ type: "offer", offer: free });
    await createJob({ pool });
    await passTime(pool, 1000);
    expect(agent.has("job.assign")).toBe(false);
  });

  it("needs one that is connected", async () => {
    const { agent_id } = await mintAgent(newPool());
    expect(await json(api("POST", `/agents/${agent_id}/drain`), 409)).toMatchObject({
      code: "agent_not_connected",
    });
    const unknown = crypto.randomUUID();
    expect(await json(api("POST", `/agents/${unknown}/drain`), 404)).toMatchObject({
      code: "agent_not_found",
    });
  });
});

describe("an agent whose offer changes", () => {
  it("gets no job while it offers no slots, and one as soon as it does", async () => {
    const pool = newPool();
    const agent = await ScriptedAgent.connect((await mintAgent(pool)).token);
    agent.send({ type: "offer", offer: { ...BUILTIN_OFFER, slots: 0, reason: "paused by its owner" } });
    const jobId = await createJob({ pool });
    await jobBecomes(jobId, ({ message }) => message.includes("paused by its owner"));
    agent.send({ type: "offer", offer: BUILTIN_OFFER });
    expect(await agent.takeJob()).toMatchObject({ job_id: jobId });
  });
});

describe("deleting an agent", () => {
  /** Deletes an agent as the API does when its message to the Dispatcher is lost. */
  async function deleteUnheard(agentId: string): Promise<void> {
    await env.DB.prepare("DELETE FROM agents WHERE id = ?").bind(agentId).run();
  }

  it("closes its socket, gives its job back and makes its token useless", async () => {
    const { agent, agentId, token, jobId } = await agentWithJob();
    await json(api("DELETE", `/agents/${agentId}`));
    expect((await agent.closed).code).toBe(CLOSE.revoked);
    expect(await getJob(jobId)).toMatchObject({ status: "queued", lost_leases: 1 });
    const headers = { upgrade: "websocket", authorization: `Bearer ${token}` };
    expect((await api("GET", "/agent", undefined, headers)).status).toBe(401);
    expect((await api("DELETE", `/agents/${agentId}`)).status).toBe(404);
  });

  it("keeps it out when its socket was let in just before", async () => {
    const { agent_id, token } = await mintAgent(newPool());
    const agent = await ScriptedAgent.dial(token);
    await deleteUnheard(agent_id);
    agent.hello();
    expect((await agent.closed).code).toBe(CLOSE.revoked);
    expect(agent.has("welcome")).toBe(false);
  });

  it("takes effect within a minute when the Dispatcher did not hear of it", async () => {
    const { agent, agentId, jobId, pool } = await agentWithJob();
    await deleteUnheard(agentId);
    await dispatcher(pool).tick();
    expect((await agent.closed).code).toBe(CLOSE.revoked);
    expect(await getJob(jobId)).toMatchObject({ status: "queued", lost_leases: 1 });
  });
});
