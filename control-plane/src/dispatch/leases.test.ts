import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { CLOSE } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { runScheduled } from "../maintenance/scheduled.ts";
import { createJob, mintAgent } from "../testing/api.ts";
import {
  agentWithJob,
  dispatcher,
  evictDispatcher,
  getJob,
  jobBecomes,
  newPool,
  passTime,
} from "../testing/dispatch.ts";
import { BUILTIN_OFFER, ScriptedAgent } from "../testing/scripted-agent.ts";
import { LeaseTable } from "./lease-table.ts";

const DAY_MS = 24 * 3600 * 1000;

async function leasesOf(pool: string) {
  return runInDurableObject(dispatcher(pool), (_, state) => new LeaseTable(state.storage.sql).all());
}

describe("a job that lost its agent", () => {
  it("fails when no agent has come for it in a week", async () => {
    const { agent, fence, jobId, pool } = await agentWithJob();
    await agent.stage(fence, 1, "training");
    agent.close();
    await passTime(pool, 151_000);
    expect(await getJob(jobId)).toMatchObject({ status: "queued", lost_leases: 1 });
    await passTime(pool, 6 * DAY_MS);
    await dispatcher(pool).tick();
    expect(await getJob(jobId)).toMatchObject({ status: "queued" });
    await passTime(pool, DAY_MS + 3_600_000);
    await dispatcher(pool).tick();
    expect(await getJob(jobId)).toMatchObject({ status: "failed", error_code: "agent_lost" });
  });
});

describe("a pool whose agents are all gone", () => {
  it("still fails jobs that have waited too long", async () => {
    const { agent, fence, jobId, pool, agentId } = await agentWithJob();
    await agent.stage(fence, 1, "training");
    agent.close();
    await passTime(pool, 151_000);
    await env.DB.prepare("DELETE FROM agents WHERE id = ?").bind(agentId).run();
    const longAgo = Date.now() - 8 * DAY_MS;
    await env.DB.prepare("UPDATE jobs SET next_attempt_at = ? WHERE id = ?").bind(longAgo, jobId).run();
    await runScheduled(env);
    expect(await getJob(jobId)).toMatchObject({ status: "failed", error_code: "agent_lost" });
  });

  it("counts the wait of a job that was handed back from then on", async () => {
    const { agent, jobId, fence } = await agentWithJob();
    await env.DB.prepare("UPDATE jobs SET lost_leases = 1 WHERE id = ?").bind(jobId).run();
    agent.send({ type: "job.returned", fence, seq: 1, reason: "The agent stops." });
    await agent.next("ack");
    const row = await env.DB.prepare("SELECT next_attempt_at AS at FROM jobs WHERE id = ?")
      .bind(jobId)
      .first();
    expect(row?.at).toBeGreaterThan(Date.now() - DAY_MS);
  });
});

describe("assigning", () => {
  it("gives an agent no more jobs than it has slots", async () => {
    const pool = newPool();
    const agent = await ScriptedAgent.connect((await mintAgent(pool)).token, {
      offer: { ...BUILTIN_OFFER, slots: 2 },
    });
    const ids = [await createJob({ pool }), await createJob({ pool }), await createJob({ pool })];
    const fences = [await agent.takeJob(), await agent.takeJob()];
    expect(fences.map((fence) => fence.job_id)).toEqual(ids.slice(0, 2));
    await passTime(pool, 1000);
    expect(agent.has("job.assign")).toBe(false);
    expect(await leasesOf(pool)).toHaveLength(2);
  });

  it("gives an agent without slots nothing, and the job says why", async () => {
    const pool = newPool();
    const offer = { ...BUILTIN_OFFER, slots: 0, default_engine: null, reason: "nerfstudio does not start" };
    const agent = await ScriptedAgent.connect((await mintAgent(pool)).token, { offer });
    const jobId = await createJob({ pool });
    await jobBecomes(jobId, (job) => job.message.includes("nerfstudio does not start"));
    expect(agent.has("job.assign")).toBe(false);
  });

  it("does not count on an agent that has gone", async () => {
    const pool = newPool();
    const agent = await ScriptedAgent.connect((await mintAgent(pool)).token);
    agent.close();
    await agent.closed;
    const jobId = await createJob({ pool });
    await jobBecomes(jobId, (job) => job.message.includes("none is connected"));
    expect(await leasesOf(pool)).toEqual([]);
  });

  it("keeps a job that names another engine waiting, and says so", async () => {
    const pool = newPool();
    await ScriptedAgent.connect((await mintAgent(pool)).token);
    const jobId = await createJob({ pool, engine: "brush" });
    await jobBecomes(jobId, (job) => job.message.includes('can run the engine "brush"'));
  });

  it("follows priority, then age", async () => {
    const pool = newPool();
    const { token } = await mintAgent(pool);
    const low = await createJob({ pool, priority: -1 });
    const normal = await createJob({ pool });
    const high = await createJob({ pool, priority: 1 });
    const agent = await ScriptedAgent.connect(token, { offer: { ...BUILTIN_OFFER, slots: 3 } });
    const order = [await agent.takeJob(), await agent.takeJob(), await agent.takeJob()].map(
      (fence) => fence.job_id,
    );
    expect(order).toEqual([high, normal, low]);
  });

  it("shares jobs out between agents", async () => {
    const pool = newPool();
    const a = await ScriptedAgent.connect((await mintAgent(pool, "a")).token, {
      offer: { ...BUILTIN_OFFER, slots: 2 },
    });
    const b = await ScriptedAgent.connect((await mintAgent(pool, "b")).token, {
      offer: { ...BUILTIN_OFFER, slots: 2 },
    });
    await createJob({ pool });
    await createJob({ pool });
    expect((await a.takeJob()).job_id).not.toBe((await b.takeJob()).job_id);
  });

  it("sends an assignment that is not accepted once more, then lets the agent cool down", async () => {
    const pool = newPool();
    const agent = await ScriptedAgent.connect((await mintAgent(pool)).token);
    const jobId = await createJob({ pool });
    const first = await agent.next("job.assign");
    await passTime(pool, 5100);
    expect(await agent.next("job.assign")).toEqual(first);
    await passTime(pool, 5100);
    expect(await getJob(jobId)).toMatchObject({ status: "queued", attempt: 1, lost_leases: 0, failures: 0 });
    expect(await leasesOf(pool)).toEqual([]);

    await passTime(pool, 30_000);
    expect((await agent.takeJob()).attempt).toBe(2);
  });

  it("requeues a claimed job whose agent disconnected before it received the job", async () => {
    const { agent, jobId, pool } = await agentWithJob();
    agent.close();
    await runInDurableObject(dispatcher(pool), (_, { storage }) => {
      storage.sql.exec("UPDATE leases SET state = 'claiming', sends = 0");
    });
    await passTime(pool, 6000);
    expect(await leasesOf(pool)).toEqual([]);
    expect(await getJob(jobId)).toMatchObject({ status: "queued", agent_id: null, lost_leases: 0 });
  });

  it("takes a stage for the acceptance that was lost", async () => {
    const pool = newPool();
    const agent = await ScriptedAgent.connect((await mintAgent(pool)).token);
    const jobId = await createJob({ pool });
    const { fence } = await agent.next("job.assign");
    await agent.stage(fence, 1, "downloading_video");
    await passTime(pool, 5100);
    await passTime(pool, 5100);
    expect(await leasesOf(pool)).toMatchObject([{ jobId, leaseId: fence.lease_id, state: "held" }]);
    agent.send({ type: "job.accept", fence });
    await agent.stage(fence, 2, "training");
    expect(agent.has("job.abandon")).toBe(false);
    expect(await getJob(jobId)).toMatchObject({ status: "training", attempt: 1, lost_leases: 0 });
  });

  it("abandons an acceptance that comes after the job's end", async () => {
    const { agent, fence, jobId } = await agentWithJob();
    await agent.stage(fence, 1, "exporting");
    await agent.complete(fence, 2);
    await jobBecomes(jobId, (job) => job.status === "completed");
    agent.send({ type: "job.accept", fence });
    expect(await agent.next("job.abandon")).toMatchObject({ fence });
    agent.send({ type: "job.held", jobs: [{ fence, status: "exporting", seconds_since_output: 0 }] });
    expect(await agent.next("job.abandon")).toMatchObject({ fence });
  });

  it("does not abandon an acceptance whose lease row is gone, but which D1 knows", async () => {
    const pool = newPool();
    const agent = await ScriptedAgent.connect((await mintAgent(pool)).token);
    const jobId = await createJob({ pool });
    const { fence } = await agent.next("job.assign");
    await runInDurableObject(dispatcher(pool), (_, state) => state.storage.sql.exec("DELETE FROM leases"));
    agent.send({ type: "job.accept", fence });
    await agent.stage(fence, 1, "training");
    expect(agent.has("job.abandon")).toBe(false);
    expect(await getJob(jobId)).toMatchObject({ status: "training", attempt: 1 });
  });

  it("gives a job that is rejected to another agent", async () => {
    const pool = newPool();
    const a = await ScriptedAgent.connect((await mintAgent(pool, "a")).token);
    const jobId = await createJob({ pool });
    const { fence } = await a.next("job.assign");
    const b = await ScriptedAgent.connect((await mintAgent(pool, "b")).token);
    a.send({ type: "job.reject", fence, code: "disk_full", detail: "2 GB are left." });
    expect(await b.takeJob()).toMatchObject({ job_id: jobId, attempt: 2 });
  });
});

describe("silence", () => {
  it("of a socket that looks open closes it, and then the grace begins", async () => {
    const { agent, pool, jobId, fence } = await agentWithJob();
    await agent.stage(fence, 1, "training");
    await passTime(pool, 61_000, "silent");
    expect((await agent.closed).code).toBe(CLOSE.silent);
    expect(await getJob(jobId)).toMatchObject({ status: "training" });
    await passTime(pool, 151_000);
    expect(await getJob(jobId)).toMatchObject({ status: "queued", lost_leases: 1, agent_id: null });
  });

  it("does not end the lease while heartbeats come", async () => {
    const { agent, pool, jobId, fence } = await agentWithJob();
    await agent.stage(fence, 1, "training");
    for (let minutes = 0; minutes < 3; minutes += 1) {
      agent.sendRaw("ping");
      await passTime(pool, 61_000, "silent");
    }
    expect(await getJob(jobId)).toMatchObject({ status: "training", lost_leases: 0 });
  });

  it("restarts the grace when the control plane itself was down", async () => {
    const { agent, pool, jobId, fence } = await agentWithJob();
    await agent.stage(fence, 1, "training");
    agent.close();
    await passTime(pool, 3_600_000);
    expect(await getJob(jobId)).toMatchObject({ status: "training" });
    await passTime(pool, 1000);
    expect(await getJob(jobId)).toMatchObject({ status: "training" });
  });

  it("repeated ten times gives the job up", async () => {
    const { pool, jobId, agent } = await agentWithJob();
    await env.DB.prepare("UPDATE jobs SET lost_leases = 9 WHERE id = ?").bind(jobId).run();
    agent.close();
    await passTime(pool, 151_000);
    expect(await getJob(jobId)).toMatchObject({
      status: "failed",
      error_code: "agent_lost",
      error: "The job lost its agent. The agent disconnected. The job was lost 10 times.",
    });
  });
});

describe("job.held", () => {
  it("without a job that was accepted requeues it", async () => {
    const { agent, jobId } = await agentWithJob();
    agent.send({ type: "job.held", jobs: [] });
    await jobBecomes(jobId, (job) => job.lost_leases === 1 && job.status === "queued");
  });

  it("without a job whose assignment is still on its way changes nothing", async () => {
    const pool = newPool();
    const agent = await ScriptedAgent.connect((await mintAgent(pool)).token);
    const jobId = await createJob({ pool });
    const { fence } = await agent.next("job.assign");
    agent.send({ type: "job.held", jobs: [] });
    agent.send({ type: "job.accept", fence });
    await agent.stage(fence, 1, "training");
    expect(await getJob(jobId)).toMatchObject({ status: "training", lost_leases: 0 });
  });

  it("under the lease before a re-adoption loses nothing", async () => {
    const { agent, jobId, fence } = await agentWithJob();
    agent.send({
      type: "job.held",
      jobs: [{ fence: { ...fence, lease_id: "old" }, status: "training", seconds_since_output: 1 }],
    });
    await agent.next("job.abandon");
    await agent.stage(fence, 1, "training");
    expect(await getJob(jobId)).toMatchObject({ status: "training", lost_leases: 0 });
  });

  it("of a job that is not the agent's is answered by abandon", async () => {
    const { agent, fence } = await agentWithJob();
    const stale = { ...fence, lease_id: "old" };
    agent.send({
      type: "job.held",
      jobs: [
        { fence, status: "training", seconds_since_output: 1 },
        { fence: stale, status: "training", seconds_since_output: 1 },
      ],
    });
    expect(await agent.next("job.abandon")).toMatchObject({ fence: stale });
  });
});

describe("the object itself", () => {
  it("may hibernate in the middle of a job", async () => {
    const { agent, pool, jobId, fence } = await agentWithJob();
    await agent.stage(fence, 1, "training");
    await evictDispatcher(pool, "hibernate");
    await agent.complete(fence, 2);
    await agent.next("ack");
    expect(await getJob(jobId)).toMatchObject({ status: "completed", attempt: 1, lost_leases: 0 });
  });

  it("may lose its sockets: the agent reconnects and continues", async () => {
    const { agent, pool, token, instance, jobId, fence } = await agentWithJob();
    await agent.stage(fence, 1, "training");
    await evictDispatcher(pool, "close");
    await agent.closed;
    await dispatcher(pool).tick();
    expect(await leasesOf(pool)).toMatchObject([{ lostAt: expect.any(Number) }]);
    const held = [{ fence, status: "training", progress: 50, message: "" } as const];
    const back = await ScriptedAgent.connect(token, { instance, held });
    expect(back.welcome.jobs).toEqual([{ action: "continue", held: fence, fence, last_seq: 1 }]);
    await back.complete(fence, 2);
    await back.next("ack");
    expect(await getJob(jobId)).toMatchObject({ status: "completed", lost_leases: 0 });
  });

  it("that lost a lease row gives the job in D1 a full lease", async () => {
    const { pool, agent, fence, jobId } = await agentWithJob();
    await agent.stage(fence, 1, "training");
    await runInDurableObject(dispatcher(pool), (_, state) =>
      state.storage.sql.exec("DELETE FROM leases").toArray(),
    );
    await dispatcher(pool).tick();
    expect(await leasesOf(pool)).toMatchObject([{ jobId, leaseId: fence.lease_id, state: "held" }]);
  });

  it("sends a job that D1 says was claimed, but that may never have been sent", async () => {
    const pool = newPool();
    const { agent_id, token } = await mintAgent(pool);
    const agent = await ScriptedAgent.connect(token, { offer: { ...BUILTIN_OFFER, slots: 0 } });
    const jobId = await createJob({ pool });
    // The claim took longer than its row here lasted.
    await env.DB.prepare("UPDATE jobs SET attempt = 1, lease_id = 'late', agent_id = ? WHERE id = ?")
      .bind(agent_id, jobId)
      .run();
    await dispatcher(pool).tick();
    await passTime(pool, 6000);
    const { fence } = await agent.next("job.assign");
    expect(fence).toMatchObject({ job_id: jobId, lease_id: "late" });
    agent.send({ type: "job.accept", fence });
    await expect.poll(() => leasesOf(pool)).toMatchObject([{ jobId, state: "held" }]);
    expect(await getJob(jobId)).toMatchObject({ attempt: 1, lost_leases: 0 });
  });

  it("sends an agent away whose deletion it did not hear of", async () => {
    const { agent, agentId, pool, jobId } = await agentWithJob();
    await env.DB.prepare("DELETE FROM agents WHERE id = ?").bind(agentId).run();
    await dispatcher(pool).tick();
    expect((await agent.closed).code).toBe(CLOSE.revoked);
    expect(await getJob(jobId)).toMatchObject({ status: "queued", agent_id: null });
    expect(await leasesOf(pool)).toEqual([]);
  });

  it("drops a lease that D1 does not know", async () => {
    const { pool, jobId } = await agentWithJob();
    await env.DB.prepare("UPDATE jobs SET status = 'failed' WHERE id = ?").bind(jobId).run();
    await dispatcher(pool).tick();
    expect(await leasesOf(pool)).toEqual([]);
  });

  it.each([
    ["committed", true],
    ["never arrived", false],
  ])("that died between claim and send settles a claim that %s", async (_, committed) => {
    const pool = newPool();
    const { agent_id, token } = await mintAgent(pool);
    const agent = await ScriptedAgent.connect(token, { offer: { ...BUILTIN_OFFER, slots: 0 } });
    const jobId = await createJob({ pool });
    await runInDurableObject(dispatcher(pool), (_instance, state) => {
      const claim = {
        jobId,
        attempt: 1,
        leaseId: "half",
        agentId: agent_id,
        since: Date.now(),
        sends: 0,
        lostAt: null,
      };
      new LeaseTable(state.storage.sql).put({ ...claim, state: "claiming" });
    });
    if (committed) {
      await env.DB.prepare("UPDATE jobs SET attempt = 1, lease_id = 'half', agent_id = ? WHERE id = ?")
        .bind(agent_id, jobId)
        .run();
    }
    await passTime(pool, 6000);
    if (committed) expect(await agent.next("job.assign")).toMatchObject({ fence: { lease_id: "half" } });
    else expect(await leasesOf(pool)).toEqual([]);
  });
});
