import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { JobView } from "@splatt/shared";
import { readConnection, writeConnection } from "../dispatch/agent-sockets.ts";
import type { Dispatcher } from "../dispatch/dispatcher.ts";
import { api, createJob, json, mintAgent } from "./api.ts";
import { ScriptedAgent } from "./scripted-agent.ts";

export function dispatcher(pool: string): DurableObjectStub<Dispatcher> {
  return env.DISPATCHER.getByName(pool) as unknown as DurableObjectStub<Dispatcher>;
}

/**
 * Evicts a pool's Dispatcher from memory. Wakes it first: on a slow machine it may have been evicted already, which is
 * an error.
 */
export async function evictDispatcher(pool: string, webSockets: "hibernate" | "close"): Promise<void> {
  const stub = dispatcher(pool);
  await runInDurableObject(stub, () => undefined);
  await evictDurableObject(stub, { webSockets });
}

let pools = 0;

/** A separate pool for one test, so that tests do not take each other's jobs. */
export function newPool(): string {
  pools += 1;
  return `pool-${pools}`;
}

export async function getJob(id: string): Promise<JobView> {
  return json(api("GET", `/jobs/${id}`));
}

/** An agent alone in a new pool, connected, with one job accepted. */
export async function agentWithJob() {
  const pool = newPool();
  const { agent_id, token } = await mintAgent(pool);
  const instance = crypto.randomUUID();
  const agent = await ScriptedAgent.connect(token, { instance });
  const jobId = await createJob({ pool });
  const fence = await agent.takeJob();
  return { pool, agentId: agent_id, token, instance, agent, jobId, fence };
}

/**
 * Lets `ms` pass for a pool's Dispatcher without waiting: everything it remembers is moved into the past,
 * then its alarm and its tick run. Connected agents keep up their heartbeat meanwhile, unless they are `silent`.
 */
export async function passTime(
  pool: string,
  ms: number,
  agents: "alive" | "silent" = "alive",
): Promise<void> {
  const stub = dispatcher(pool);
  await runInDurableObject(stub, (_, state) => {
    state.storage.sql.exec("UPDATE leases SET since = since - ?, lost_at = lost_at - ?", ms, ms);
    for (const ws of state.getWebSockets()) {
      const connection = readConnection(ws);
      writeConnection(ws, {
        ...connection,
        acceptedAt: agents === "alive" ? Date.now() : connection.acceptedAt - ms,
        cooldownUntil: connection.cooldownUntil - ms,
      });
    }
  });
  await env.DB.prepare("UPDATE jobs SET next_attempt_at = next_attempt_at - ? WHERE pool = ?")
    .bind(ms, pool)
    .run();
  await runDurableObjectAlarm(stub);
  // What it knows of its agents' sockets is read again.
  await stub.tick();
}

/** Waits until the job looks as expected. */
export async function jobBecomes(id: string, matches: (job: JobView) => boolean): Promise<JobView> {
  for (let tries = 0; tries < 500; tries += 1) {
    const job = await getJob(id);
    if (matches(job)) return job;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`the job never looked as expected: ${JSON.stringify(await getJob(id))}`);
}
