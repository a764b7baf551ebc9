import { Agent } from "node:http";
import { parseArgs } from "node:util";
import type { Fence } from "@splatt/shared";
import { Arrivals } from "./control-plane/arrivals.ts";
import { type BenchStack, startStack } from "./control-plane/bench-stack.ts";
import { machineLine } from "./control-plane/machine-line.ts";
import { p50p99 } from "./control-plane/quantiles.ts";
import { ScriptedAgent } from "./control-plane/scripted-agent.ts";
import { BENCH_JOB, postJson } from "./control-plane/worker-contender.ts";

/**
 * `npm run bench:fleet [-- --agents N]`: one control plane with a thousand agents connected, on one machine. How long
 * they take to connect, what each of them costs in memory while idle, how fast they get a job each when these come
 * all at once, how long a single job takes then, and how many go through when every agent ends its job at once.
 */

const AT_ONCE = 64;
const SINGLES = 200;
const BACKLOG_PER_AGENT = 3;

type OnJob = (fence: Fence, agent: ScriptedAgent) => void;

class Fleet {
  readonly #stack: BenchStack;
  readonly #agents: ScriptedAgent[] = [];
  /** What an agent does with a job. */
  onJob: OnJob = () => undefined;

  constructor(stack: BenchStack) {
    this.#stack = stack;
  }

  /** @returns the tokens of as many agents as there are to be */
  async mint(agents: number): Promise<string[]> {
    const tokens: string[] = [];
    await atOnce(agents, 16, async (i) => {
      tokens.push((await this.#stack.client.createAgent(`agent-${i}`)).token);
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

/** Does something `times` times, so many of them at any time. */
async function atOnce(
  times: number,
  parallel: number,
  work: (index: number) => Promise<void>,
): Promise<void> {
  const left = Array.from({ length: times }, (_, index) => index).values();
  const worker = async () => {
    for (const index of left) await work(index);
  };
  await Promise.all(Array.from({ length: parallel }, worker));
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

const { values } = parseArgs({ options: { agents: { type: "string", default: "1000" } } });
const count = Number(values.agents);
console.log(machineLine());
await using stack = await startStack({ worker: "splatt" });
const http = new Agent({ keepAlive: true });
const post = async () =>
  (await postJson<{ job_id: string }>(`${stack.url}/jobs`, http, stack.apiKey, BENCH_JOB)).job_id;
const fleet = new Fleet(stack);
try {
  const tokens = await fleet.mint(count);
  const before = await stack.runtimeMemory();
  const connecting = await seconds(() => fleet.connect(tokens));
  const idle = await stack.runtimeMemory();
  console.log(`${count} agents connect in ${connecting.toFixed(1)} s`);
  console.log(
    `workerd's memory: ${mib(before)} MiB without them, ${mib(idle)} MiB with them idle: ` +
      `${((idle - before) / count / 1024).toFixed(1)} KiB per agent`,
  );

  const arrivals = new Arrivals();
  let open: { fence: Fence; agent: ScriptedAgent }[] = [];
  fleet.onJob = (fence, agent) => {
    arrivals.note(fence.job_id);
    open.push({ fence, agent });
  };
  const endAll = async () => {
    const ending = open;
    open = [];
    await Promise.all(ending.map(({ fence, agent }) => agent.endJob(fence)));
  };

  const single: number[] = [];
  for (let i = 0; i < SINGLES; i++) {
    const began = performance.now();
    single.push((await arrivals.of(await post())) - began);
    await endAll();
  }
  console.log(`POST /jobs until an agent has it, p50 / p99: ${p50p99(single)} ms`);

  const burst = await seconds(() =>
    atOnce(count, AT_ONCE, async () => {
      await arrivals.of(await post());
    }),
  );
  console.log(`a job for each agent, posted ${AT_ONCE} at once: ${(count / burst).toFixed(0)} jobs/s`);

  const backlog = count * BACKLOG_PER_AGENT;
  await atOnce(backlog, AT_ONCE, async () => {
    await post();
  });
  const done = Promise.withResolvers<void>();
  let through = 0;
  fleet.onJob = (fence, agent) => {
    through += 1;
    if (through === backlog) done.resolve();
    void agent.endJob(fence);
  };
  const draining = await seconds(async () => {
    await endAll();
    await done.promise;
  });
  console.log(
    `${backlog} that wait, each ended at once: ${(backlog / draining).toFixed(0)} jobs/s go through`,
  );
} finally {
  fleet.close();
  http.destroy();
}

function mib(bytes: number): string {
  return (bytes / 1024 ** 2).toFixed(0);
}
