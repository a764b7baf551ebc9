import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { api, createJob, json, mintAgent } from "../testing/api.ts";
import { agentWithJob, dispatcher, getJob, jobBecomes, newPool } from "../testing/dispatch.ts";
import { faultyD1, type Judge } from "../testing/faulty-stores.ts";
import { BUILTIN_OFFER, ScriptedAgent } from "../testing/scripted-agent.ts";
import type { StoreCall } from "../testing/store-call.ts";

const CLAIM = /update "jobs" .*json_each/;

/** A call that does nothing but read the queue. */
const QUEUE_READ = /^select "id", "attempt"/;
/** What an alarm asks first: it would find after seconds what was left undone. */
const MAINTENANCE = /lease_id IS NOT NULL/;

const calls: StoreCall[] = [];
let judge: Judge;
const real = env.DB;
beforeEach(() => {
  calls.length = 0;
  judge = async () => ({});
  const noted: Judge = async (call) => {
    calls.push(call);
    return judge(call);
  };
  Object.assign(env, { DB: faultyD1(real, noted) });
});
afterEach(() => {
  Object.assign(env, { DB: real });
});

function claims(): StoreCall[] {
  return calls.filter(({ what }) => CLAIM.test(what));
}

/** An agent of a new pool, not connected yet, that trains `slots` jobs at once. */
async function newAgent(slots: number) {
  const pool = newPool();
  const { token } = await mintAgent(pool);
  const connect = () => ScriptedAgent.connect(token, { offer: { ...BUILTIN_OFFER, slots } });
  return { pool, connect };
}

async function createJobs(pool: string, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i++) ids.push(await createJob({ pool, priority: -i }));
  // The Dispatcher is notified of all of them before anything else happens.
  await dispatcher(pool).tick();
  return ids;
}

/** The next `count` assignments, in the order of their coming. */
async function take(agent: ScriptedAgent, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i++) ids.push((await agent.takeJob()).job_id);
  return ids;
}

/** Queues a job without notifying the Dispatcher, as when the notification is lost. */
async function queueUnannounced(pool: string, changes: Readonly<Record<string, unknown>>): Promise<string> {
  const id = await createJob({ pool: "default", engine: "opensplat" });
  const options = changes.engine === undefined ? "builtin" : changes.engine;
  await real
    .prepare(
      "UPDATE jobs SET pool = ?, rank = ?, next_attempt_at = ?, options = json_set(options, '$.engine', ?) WHERE id = ?",
    )
    .bind(pool, changes.rank ?? 0, changes.nextAttemptAt ?? null, options, id)
    .run();
  return id;
}

describe("the jobs that wait when an agent comes", () => {
  it("are claimed in one call, in the order of the queue", async () => {
    const { pool, connect } = await newAgent(8);
    const ids = await createJobs(pool, 5);
    expect(await take(await connect(), 5)).toEqual(ids);
    expect(claims()).toHaveLength(1);
    for (const id of ids)
      expect(await getJob(id)).toMatchObject({ attempt: 1, message: "Assigned to test-box" });
  });

  it("are claimed though one of them was cancelled meanwhile, and its slot goes to the next", async () => {
    const { pool, connect } = await newAgent(2);
    const [first = "", second, third] = await createJobs(pool, 3);
    judge = async ({ what }) => {
      if (CLAIM.test(what) && claims().length === 1)
        await real.prepare("UPDATE jobs SET status = 'cancelled' WHERE id = ?").bind(first).run();
      return {};
    };
    calls.length = 0;
    expect(await take(await connect(), 2)).toEqual([second, third]);
    expect(calls.filter(({ what }) => MAINTENANCE.test(what))).toEqual([]);
    expect(await getJob(first)).toMatchObject({ status: "cancelled", attempt: 0 });
  });

  it("reach the agent though the answer to the claim was lost", async () => {
    const { pool, connect } = await newAgent(8);
    const ids = await createJobs(pool, 3);
    judge = async ({ what }) =>
      CLAIM.test(what) && claims().length === 1
        ? { error: "D1_ERROR: Network connection lost.", isMade: true }
        : {};
    expect(await take(await connect(), 3)).toEqual(ids);
    for (const id of ids) expect(await getJob(id)).toMatchObject({ attempt: 1 });
  });

  it("are given to an agent that is free, though those before them wait for one that is full", async () => {
    const pool = newPool();
    const brush = { engines: [{ name: "brush", usable: true, version: null, reason: "" }] } as const;
    const full = await mintAgent(pool);
    const offer = { ...BUILTIN_OFFER, ...brush, engines: [...brush.engines], default_engine: null };
    const busy = await ScriptedAgent.connect(full.token, { offer });
    await createJob({ pool, engine: "brush" });
    await busy.takeJob();
    await createJob({ pool, engine: "brush" });
    const waiting = await createJob({ pool, engine: "builtin" });
    const { token } = await mintAgent(pool);
    expect(await take(await ScriptedAgent.connect(token), 1)).toEqual([waiting]);
  });
});

describe("a job that comes while an agent is idle", () => {
  it("is claimed without reading the queue first", async () => {
    const { pool, connect } = await newAgent(1);
    const agent = await connect();
    // Waits for what the agent's coming has set going.
    await dispatcher(pool).tick();
    calls.length = 0;
    const id = await createJob({ pool });
    expect(await take(agent, 1)).toEqual([id]);
    expect(calls.filter(({ what }) => QUEUE_READ.test(what))).toEqual([]);
    expect(claims()).toHaveLength(1);
  });

  it.each([
    ["goes after one that has waited longer", {}, "the other"],
    ["goes before one that comes after it", { rank: Number.MAX_SAFE_INTEGER }, "it"],
    ["goes before one that is to be tried again later", { nextAttemptAt: 9e15 }, "it"],
    ["goes after one whose time to be tried again has come", { nextAttemptAt: 1 }, "the other"],
    ["goes before one that no agent can run", { engine: "brush" }, "it"],
    ["goes before one of another pool", { pool: "default" }, "it"],
  ])("%s", async (_, other, first) => {
    const { pool, connect } = await newAgent(1);
    const agent = await connect();
    const unannounced = await queueUnannounced(pool, other);
    if ("pool" in other)
      await real.prepare("UPDATE jobs SET pool = 'default' WHERE id = ?").bind(unannounced).run();
    const id = await createJob({ pool });
    expect(await take(agent, 1)).toEqual([first === "it" ? id : unannounced]);
  });

  it("waits when no agent has room for it, and costs no D1 call", async () => {
    const { pool } = await agentWithJob();
    calls.length = 0;
    const id = await createJob({ pool });
    await jobBecomes(id, ({ status }) => status === "queued");
    expect(claims()).toEqual([]);
    await json(api("POST", `/jobs/${id}/cancel`));
  });
});
