import { mkdtemp, rm } from "node:fs/promises";
import { Agent } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ScriptedAgent } from "@splatt/e2e/scripted-agent";
import { AgentProcess } from "@splatt/local/agent-process";
import type { Fence } from "@splatt/shared";
import { benchOptions } from "../bench-options.ts";
import { atOnce } from "../control-plane/at-once.ts";
import { type BenchStack, residentMemory, startStack } from "../control-plane/bench-stack.ts";
import { machineLine } from "../control-plane/machine-line.ts";
import { BENCH_JOB, postJson } from "../control-plane/worker-contender.ts";

/**
 * `npm run bench -- fleet [--agents N]`: one control plane with a thousand connected agents, on one machine. Prints how
 * long they take to connect, workerd's memory per idle agent, the throughput when every agent finishes each job
 * immediately, and the memory of an agent's own process.
 */

const AT_ONCE = 64;
/** A Durable Object hibernates after ten idle seconds. */
const ASLEEP_MS = 20_000;
/** After this time an agent's process has finished its start-up work. */
const SETTLED_MS = 5000;
const POLL_MS = 100;
const BACKLOG_PER_AGENT = 1;

type OnJob = (fence: Fence, agent: ScriptedAgent) => void;

class Fleet {
  readonly #stack: BenchStack;
  readonly #agents: ScriptedAgent[] = [];
  /** Called for each job that an agent receives. */
  onJob: OnJob = () => undefined;

  constructor(stack: BenchStack) {
    this.#stack = stack;
  }

  /** @returns one token per agent */
  async mint(agents: number): Promise<string[]> {
    const tokens: string[] = [];
    await atOnce(agents, 16, async (i) => {
      tokens.push((await this.#stack.client.createAgent({ name: `agent-${i}` })).token);
    });
    return tokens;
  }

  async connect(tokens: readonly string[]): Promise<void> {
    await atOnce(tokens.length, AT_ONCE, async (i) => {
      const onJob: OnJob = (fence, agent) => this.onJob(fence, agent);
      const connecting = { url: this.#stack.url, token: tokens[i] ?? "", slots: 1, onJob };
      this.#agents.push(await ScriptedAgent.connect(connecting));
    });
  }

  close(): void {
    for (const agent of this.#agents) agent.close();
  }
}

/** Connects the fleet. @returns KiB of workerd's memory per agent, when connected and when the Dispatcher hibernates */
async function memoryPerAgent(stack: BenchStack, fleet: Fleet, tokens: readonly string[]): Promise<string> {
  const before = await stack.runtimeMemory();
  const perAgent = async () => (((await stack.runtimeMemory()) - before) / tokens.length / 1024).toFixed(0);
  const took = await seconds(() => fleet.connect(tokens));
  const connected = await perAgent();
  await sleep(ASLEEP_MS);
  return `| ${stack.worker} | ${took.toFixed(1)} | ${mib(before)} | ${connected} | ${await perAgent()} |`;
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

const { values } = benchOptions({ options: { agents: { type: "string", default: "1000" } } });
const count = Number(values.agents);
console.log(machineLine());
await using stack = await startStack({ worker: "splatt" });
const http = new Agent({ keepAlive: true });
const post = async () => {
  await postJson(`${stack.url}/jobs`, http, stack.apiKey, BENCH_JOB);
};
const fleet = new Fleet(stack);
try {
  const tokens = await fleet.mint(count);
  console.log(
    "\n| | seconds to connect | MiB before | KiB per agent, connected | asleep |\n|---|---|---|---|---|",
  );
  console.log(await memoryPerAgent(stack, fleet, tokens));
  await using bare = await startStack({ worker: "bare" });
  const bareFleet = new Fleet(bare);
  console.log(await memoryPerAgent(bare, bareFleet, tokens));
  bareFleet.close();
  console.log(`\nmemory of one idle agent's own process: ${mib(await agentProcessMemory(stack))} MiB`);

  const busy: (() => void)[] = [];
  const allBusy = Promise.withResolvers<void>();
  fleet.onJob = (fence, agent) => {
    busy.push(() => void agent.endJob(fence));
    if (busy.length === count) allBusy.resolve();
  };
  const backlog = count * BACKLOG_PER_AGENT;
  await atOnce(count + backlog, AT_ONCE, post);
  await allBusy.promise;
  const allThrough = Promise.withResolvers<void>();
  let through = 0;
  fleet.onJob = (fence, agent) => {
    through += 1;
    if (through === backlog) allThrough.resolve();
    void agent.endJob(fence);
  };
  const draining = await seconds(async () => {
    for (const end of busy) end();
    await allThrough.promise;
  });
  console.log(`${backlog} queued jobs, each finished immediately: ${(backlog / draining).toFixed(0)} jobs/s`);
} finally {
  fleet.close();
  http.destroy();
}

/** A real agent process, connected and idle. */
async function agentProcessMemory({ url, client }: BenchStack): Promise<number> {
  const workspace = await mkdtemp(join(tmpdir(), "splatt-bench-agent-"));
  const { agent_id, token } = await client.createAgent({ name: "process", pool: "default" });
  const agent = new AgentProcess({
    controlPlane: url,
    token,
    workspace,
    settings: { ENGINE: "builtin" },
    onLine: () => undefined,
  });
  try {
    const isThere = async () =>
      (await client.listAgents()).agents.some((a) => a.agent_id === agent_id && a.connected);
    while (!(await isThere())) await sleep(POLL_MS);
    await sleep(SETTLED_MS);
    return await residentMemory(agent.pid ?? 0);
  } finally {
    await agent.stop();
    await rm(workspace, { recursive: true });
  }
}

function mib(bytes: number): string {
  return (bytes / 1024 ** 2).toFixed(0);
}
