import { env } from "cloudflare:workers";
import { CLOSE } from "@splatt/shared";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { mintAgent } from "../testing/api.ts";
import { dispatcher, newPool } from "../testing/dispatch.ts";
import { faultyD1 } from "../testing/faulty-stores.ts";
import { ScriptedAgent } from "../testing/scripted-agent.ts";
import type { Verdict } from "../testing/store-call.ts";

const real = env.DB;
/** How many writes of an agent's presence have been asked for, and what is to happen to each. */
let writes = 0;
let judge: (write: number) => Promise<Verdict>;

beforeEach(() => {
  writes = 0;
  judge = async () => ({});
  const d1 = faultyD1(real, async ({ what }) => {
    if (!/^update "agents" set .*"connected"/.test(what)) return {};
    writes += 1;
    return judge(writes);
  });
  Object.assign(env, { DB: d1 });
});
afterEach(() => {
  Object.assign(env, { DB: real });
});

async function isConnected(agentId: string): Promise<boolean> {
  const row = await real
    .prepare("SELECT connected FROM agents WHERE id = ?")
    .bind(agentId)
    .first<{ connected: number }>();
  return row?.connected === 1;
}

async function writesBecome(count: number): Promise<void> {
  await vi.waitFor(() => expect(writes).toBe(count), { timeout: 60_000 });
}

it("an agent that comes back while its end is being written stays connected", async () => {
  const { agent_id, token } = await mintAgent(newPool());
  const before = await ScriptedAgent.connect(token);
  const late = Promise.withResolvers<void>();
  judge = async (write) => {
    if (write === 2) await late.promise;
    return {};
  };
  before.close();
  await writesBecome(2);

  await ScriptedAgent.connect(token);
  expect(await isConnected(agent_id)).toBe(true);
  late.resolve();
  await writesBecome(4);
  await expect.poll(() => isConnected(agent_id)).toBe(true);
});

it("an agent whose older socket ends while it is welcomed stays connected", async () => {
  const { agent_id, token } = await mintAgent(newPool());
  const older = await ScriptedAgent.connect(token, { instance: "older" });
  const written = Promise.withResolvers<void>();
  judge = async (write) => (write === 2 ? { answeredAfter: written.promise } : {});
  const newer = await ScriptedAgent.dial(token);
  newer.hello({ instance: "newer" });
  expect((await older.closed).code).toBe(CLOSE.replaced);
  await writesBecome(3);

  written.resolve();
  await newer.next("welcome");
  expect(await isConnected(agent_id)).toBe(true);
});

it("an agent that is gone before its hello is written does not stay connected", async () => {
  const { agent_id, token } = await mintAgent(newPool());
  const late = Promise.withResolvers<void>();
  judge = async (write) => {
    if (write === 1) await late.promise;
    return {};
  };
  const agent = await ScriptedAgent.dial(token);
  agent.hello();
  await writesBecome(1);
  agent.close();
  await writesBecome(2);
  late.resolve();
  await writesBecome(3);
  await expect.poll(() => isConnected(agent_id)).toBe(false);
});

it("the tick corrects what was never written", async () => {
  const pool = newPool();
  const { agent_id, token } = await mintAgent(pool);
  const { agent_id: gone } = await mintAgent(pool);
  await ScriptedAgent.connect(token);
  await real.prepare("UPDATE agents SET connected = (id = ?) WHERE pool = ?").bind(gone, pool).run();
  await dispatcher(pool).tick();
  expect([await isConnected(agent_id), await isConnected(gone)]).toEqual([true, false]);
});
