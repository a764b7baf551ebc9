import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { type AgentMessage, CLOSE, type Fence, type HeldJob } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { api, createJob, mintAgent } from "../testing/api.ts";
import { agentWithJob, dispatcher, getJob, jobBecomes, newPool, passTime } from "../testing/dispatch.ts";
import { BUILTIN_OFFER, EMPTY_REPORT, ScriptedAgent } from "../testing/scripted-agent.ts";
import { StoreMeter } from "../testing/store-meter.ts";
import { LeaseTable } from "./lease-table.ts";

/** What an agent with a valid token can do to the others of its pool. Latencies are in the benchmark `hostile`. */

const NO_SLOTS = { ...BUILTIN_OFFER, slots: 0, default_engine: null };

function unknownFence(): Fence {
  return { job_id: crypto.randomUUID(), attempt: 1, lease_id: crypto.randomUUID() };
}

function heldMessage(fences: readonly Fence[]): AgentMessage {
  return {
    type: "job.held",
    jobs: fences.map((fence) => ({ fence, status: "training", seconds_since_output: 0 })),
  };
}

function unknownFences(): Fence[] {
  return Array.from({ length: 64 }, unknownFence);
}

/** A second agent of the pool, connected, that takes no jobs. */
async function intruder(pool: string): Promise<ScriptedAgent> {
  const agent = await ScriptedAgent.connect((await mintAgent(pool, "intruder")).token, { offer: NO_SLOTS });
  // Frames of one socket are handled in order: with the answer to this one, the hello is over too.
  agent.send(heldMessage([unknownFence()]));
  await agent.next("job.abandon");
  return agent;
}

/** Counts the queries of one pool's agents: the meter must be there before the Dispatcher is. */
async function metered<T>(work: (meter: StoreMeter) => Promise<T>): Promise<T> {
  const meter = StoreMeter.attach();
  try {
    return await work(meter);
  } finally {
    meter.detach();
  }
}

describe("an agent that lists jobs of others as held", () => {
  it("costs one query a frame, however many it lists", async () => {
    await metered(async (meter) => {
      const agent = await intruder(newPool());
      meter.reset();
      const fences = unknownFences();
      agent.send(heldMessage(fences));
      for (const _ of fences) await agent.next("job.abandon");
      expect(meter.queries.length).toBe(1);
    });
  });

  it("has to abandon those of another agent, and keeps its own", async () => {
    const { pool, agent, fence, jobId } = await agentWithJob();
    const other = await intruder(pool);
    other.send(heldMessage([fence]));
    expect((await other.next("job.abandon")).fence).toEqual(fence);
    // Its row here is lost: D1 still knows whose job it is.
    await runInDurableObject(dispatcher(pool), (_, state) => {
      new LeaseTable(state.storage.sql).remove({ jobId, leaseId: fence.lease_id, agentId: "" });
    });
    const stranger = unknownFence();
    agent.send(heldMessage([fence, stranger]));
    expect((await agent.next("job.abandon")).fence).toEqual(stranger);
    expect(agent.has("job.abandon")).toBe(false);
  });
});

describe("an agent that floods its socket", () => {
  it.each([
    ["lists of unknown jobs", () => heldMessage(unknownFences())],
    ["stages of unknown jobs", () => stage(unknownFence(), 1)],
    ["progress", () => progress(unknownFence(), 50)],
    ["offers", (): AgentMessage => ({ type: "offer", offer: NO_SLOTS })],
    ["rejections", () => reject(unknownFence())],
  ])("with %s is disconnected after a bounded number of queries", async (_, message) => {
    await metered(async (meter) => {
      const agent = await intruder(newPool());
      meter.reset();
      for (let sent = 0; sent < 1000; sent++) agent.send(message());
      expect((await agent.closed).code).toBe(CLOSE.rateLimited);
      expect(meter.queries.length).toBeLessThan(450);
    });
  });

  it("cannot go on over a new socket, while another agent of the pool works", async () => {
    const pool = newPool();
    const { token } = await mintAgent(pool, "intruder");
    const flooding = await ScriptedAgent.connect(token, { offer: NO_SLOTS });
    for (let sent = 0; sent < 1000; sent++) flooding.send(heldMessage(unknownFences()));
    const worker = await ScriptedAgent.connect((await mintAgent(pool, "worker")).token);
    const jobId = await createJob({ pool });
    const fence = await worker.takeJob();
    await worker.stage(fence, 1, "exporting");
    await worker.complete(fence, 2);
    await worker.next("ack");
    expect(await getJob(jobId)).toMatchObject({ status: "completed", lost_leases: 0 });
    expect((await flooding.closed).code).toBe(CLOSE.rateLimited);

    const upgrade = () =>
      api("GET", "/agent", undefined, { upgrade: "websocket", authorization: `Bearer ${token}` });
    const answers: Response[] = [];
    while (answers.at(-1)?.status !== 429 && answers.length < 200) answers.push(await upgrade());
    expect(await answers.at(-1)?.json()).toMatchObject({ code: "rate_limited" });
    expect(answers.at(-1)?.headers.get("retry-after")).toBe("10");
  });
});

function stage(fence: Fence, seq: number): AgentMessage {
  return { type: "job.stage", fence, seq, status: "training", progress: 30, message: "mine now" };
}

function progress(fence: Fence, value: number): AgentMessage {
  return { type: "job.progress", fence, progress: value, stage_progress: 1, message: "mine", eta_seconds: 1 };
}

function reject(fence: Fence): AgentMessage {
  return { type: "job.reject", fence, code: "no_free_slot", detail: "not wanted" };
}

const FOREIGN: readonly [name: string, message: (fence: Fence) => AgentMessage, queries: number][] = [
  ["job.accept", (fence) => ({ type: "job.accept", fence }), 1],
  ["job.reject", reject, 0],
  ["job.stage", (fence) => stage(fence, 9), 1],
  ["job.progress", (fence) => progress(fence, 99), 1],
  [
    "job.complete",
    (fence) => ({
      type: "job.complete",
      fence,
      seq: 9,
      uploads: [{ filename: "a.ply", upload_id: crypto.randomUUID(), size: 1, sha256: "0".repeat(64) }],
      report: EMPTY_REPORT,
    }),
    1,
  ],
  [
    "job.fail",
    (fence) => ({
      type: "job.fail",
      fence,
      seq: 9,
      code: "video_corrupt",
      detail: "",
      log_tail: [],
      report: EMPTY_REPORT,
    }),
    1,
  ],
  ["job.returned", (fence) => ({ type: "job.returned", fence, seq: 9, reason: "not wanted" }), 1],
  ["job.recalled", (fence) => ({ type: "job.recalled", fence, seq: 9 }), 1],
  ["job.cancelled", (fence) => ({ type: "job.cancelled", fence, seq: 9 }), 0],
];

describe("a message about a job of another agent, sent with its fence", () => {
  it.each(FOREIGN)("%s changes nothing", async (_, message, queries) => {
    await metered(async (meter) => {
      const { pool, agent, fence, jobId } = await agentWithJob();
      const other = await intruder(pool);
      const before = await stateOf(pool, jobId);
      meter.reset();
      other.send(message(fence));
      // Once this one is answered, the other is over.
      other.send(heldMessage([unknownFence()]));
      await other.next("job.abandon");
      if (!["job.reject", "job.cancelled", "job.returned", "job.recalled"].includes(message(fence).type)) {
        await other.next("job.abandon");
      }
      expect(meter.queries.length).toBe(queries + 1);
      expect(await stateOf(pool, jobId)).toEqual(before);
      await agent.stage(fence, 1, "training");
      expect(await getJob(jobId)).toMatchObject({ status: "training", attempt: 1 });
    });
  });

  it("does not take a job that its agent has not accepted yet", async () => {
    const pool = newPool();
    const agent = await ScriptedAgent.connect((await mintAgent(pool)).token);
    const other = await intruder(pool);
    const jobId = await createJob({ pool });
    const { fence } = await agent.next("job.assign");
    other.send(reject(fence));
    other.send({ type: "job.accept", fence });
    expect((await other.next("job.abandon")).fence).toEqual(fence);
    agent.send({ type: "job.accept", fence });
    await agent.stage(fence, 1, "training");
    expect(await getJob(jobId)).toMatchObject({ status: "training", attempt: 1, lost_leases: 0 });
  });

  it("does not keep the progress of its agent from being written", async () => {
    const { pool, agent, fence, jobId } = await agentWithJob();
    await agent.stage(fence, 1, "training");
    const other = await intruder(pool);
    other.send(progress(fence, 99));
    await other.next("job.abandon");
    agent.send(progress(fence, 40));
    await jobBecomes(jobId, (job) => job.progress === 40);
  });
});

/** A job as D1 and the lease table have it. */
async function stateOf(pool: string, jobId: string): Promise<unknown> {
  const { results: row } = await env.DB.prepare("SELECT * FROM jobs WHERE id = ?").bind(jobId).all();
  const leases = await runInDurableObject(dispatcher(pool), (_, state) =>
    new LeaseTable(state.storage.sql)
      .all()
      .map(({ jobId, leaseId, agentId }) => ({ jobId, leaseId, agentId })),
  );
  return { row, leases };
}

describe("a hello", () => {
  it("that lists as much as it can costs a bounded number of queries", async () => {
    await metered(async (meter) => {
      const { token } = await mintAgent(newPool());
      const held: HeldJob[] = unknownFences().map((fence) => ({
        fence,
        status: "training",
        progress: 1,
        message: "",
      }));
      const kept = Array.from({ length: 64 }, () => crypto.randomUUID());
      meter.reset();
      const agent = await ScriptedAgent.connect(token, { held, kept, offer: NO_SLOTS });
      expect(agent.welcome.jobs.map(({ action }) => action)).toEqual(held.map(() => "abandon"));
      for (const _ of kept) await agent.next("job.forget");
      expect(meter.queries.length).toBeLessThan(10);
    });
  });

  it("with an offer too large to keep is refused", async () => {
    const agent = await ScriptedAgent.dial((await mintAgent(newPool())).token);
    const gpu = { name: "ж".repeat(1000), uuid: "ж".repeat(1000), memory_total: 1 };
    const reading = { memory_free: null, temperature: null, utilization: null };
    agent.hello({ offer: { ...NO_SLOTS, gpus: Array.from({ length: 8 }, () => ({ ...gpu, ...reading })) } });
    expect(await agent.closed).toEqual({ code: CLOSE.badMessage, reason: "the offer is too large" });
  });
});

describe("sockets without a hello", () => {
  it("are closed when their time is up, and those of connected agents are not", async () => {
    const { pool, agent, fence } = await agentWithJob();
    const silent = await ScriptedAgent.dial((await mintAgent(pool)).token);
    await passTime(pool, 31_000, "silent");
    expect((await silent.closed).code).toBe(CLOSE.noHello);
    await agent.stage(fence, 1, "training");
  });

  it("have an alarm, though the pool has nothing else to wait for", async () => {
    const pool = newPool();
    await ScriptedAgent.dial((await mintAgent(pool)).token);
    const alarm = await runInDurableObject(dispatcher(pool), (_, state) => state.storage.getAlarm());
    expect(alarm).not.toBeNull();
  });

  it("are limited for each agent: the oldest give way, and one can still say hello", async () => {
    const pool = newPool();
    const { token } = await mintAgent(pool);
    const dialled: ScriptedAgent[] = [];
    for (let count = 0; count < 8; count++) dialled.push(await ScriptedAgent.dial(token));
    expect((await dialled[0]?.closed)?.code).toBe(CLOSE.noHello);
    expect((await dialled[3]?.closed)?.code).toBe(CLOSE.noHello);
    dialled[7]?.hello();
    await dialled[7]?.next("welcome");
  });
});

describe("an agent that was deleted", () => {
  it("is not let in by a socket that it had opened before", async () => {
    const pool = newPool();
    const { agent_id, token } = await mintAgent(pool);
    const agent = await ScriptedAgent.dial(token);
    // As if the notification of the Dispatcher had been lost.
    await env.DB.prepare("DELETE FROM agents WHERE id = ?").bind(agent_id).run();
    agent.hello();
    expect((await agent.closed).code).toBe(CLOSE.revoked);
    const upgrade = { upgrade: "websocket", authorization: `Bearer ${token}` };
    expect((await api("GET", "/agent", undefined, upgrade)).status).toBe(401);
  });

  it("gets no job although it is still connected", async () => {
    const pool = newPool();
    const { agent_id, token } = await mintAgent(pool);
    const agent = await ScriptedAgent.connect(token);
    await env.DB.prepare("DELETE FROM agents WHERE id = ?").bind(agent_id).run();
    await dispatcher(pool).tick();
    expect((await agent.closed).code).toBe(CLOSE.revoked);
  });
});

describe("a socket that its agent closes", () => {
  it.each([1000, 3000, 4999, undefined])("with code %s ends quietly", async (code) => {
    const { pool, agent } = await agentWithJob();
    agent.closeWith(code);
    await agent.closed;
    const open = await runInDurableObject(dispatcher(pool), (_, state) =>
      state.getWebSockets().filter((ws) => ws.readyState === WebSocket.OPEN),
    );
    expect(open).toEqual([]);
  });
});
