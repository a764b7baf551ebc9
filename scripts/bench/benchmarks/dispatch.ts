import { benchOptions } from "../bench-options.ts";
import { bullMqContender } from "../control-plane/bullmq-contender.ts";
import type { Contender } from "../control-plane/contender.ts";
import { machineLine } from "../control-plane/machine-line.ts";
import { quantile } from "../control-plane/quantiles.ts";
import { workerContender } from "../control-plane/worker-contender.ts";

/**
 * `npm run bench -- dispatch [--rounds N] [--agents N] [--bullmq FOLDER --redis PROGRAM]`: the latency from POST /jobs
 * to an idle agent, and the throughput of concurrent jobs. Compares with a bare Worker. Runs without and with 30 ms
 * added to every call of D1. BullMQ, if given, does not use D1 and joins only the run without a delay.
 */

const WARM_UP_ROUNDS = 30;
const BURST_JOBS = 500;
const BURST_AT_ONCE = 64;
/** Throughput is the median of this many bursts per contender. */
const BURSTS = 3;
const SLOTS = 64;

/** One job at a time, alternating between the contenders, so that load on the machine affects all of them. */
async function latencies(contenders: readonly Contender[], rounds: number): Promise<Map<string, number[]>> {
  const times = new Map(contenders.map(({ name }) => [name, [] as number[]]));
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    for (const contender of contenders) {
      const ms = await contender.handOver();
      if (round >= 0) times.get(contender.name)?.push(ms);
      await contender.settle();
    }
  }
  return times;
}

/** Jobs per second with many concurrent jobs. */
async function burst(contender: Contender): Promise<number> {
  const began = performance.now();
  const left = Array.from({ length: BURST_JOBS }).values();
  const sender = async () => {
    for (const _ of left) await contender.handOver();
  };
  await Promise.all(Array.from({ length: BURST_AT_ONCE }, sender));
  const seconds = (performance.now() - began) / 1000;
  await contender.settle();
  return BURST_JOBS / seconds;
}

async function race(contenders: readonly Contender[], rounds: number): Promise<void> {
  const times = await latencies(contenders, rounds);
  const rates = new Map(contenders.map(({ name }) => [name, [] as number[]]));
  for (let i = 0; i < BURSTS; i++) {
    for (const contender of contenders) rates.get(contender.name)?.push(await burst(contender));
  }
  const ms = (name: string, q: number) => quantile(times.get(name) ?? [], q);
  const rate = (name: string) => quantile(rates.get(name) ?? [], 0.5);
  console.log(
    "| | p50 ms | p99 ms | over bare, p50 | p99 | jobs/s | of bare's |\n|---|---|---|---|---|---|---|",
  );
  for (const { name } of contenders) {
    const over = (q: number) => (ms(name, q) - ms("bare", q)).toFixed(1);
    const latency = `${ms(name, 0.5).toFixed(1)} | ${ms(name, 0.99).toFixed(1)} | ${over(0.5)} | ${over(0.99)}`;
    const share = (rate(name) / rate("bare")).toFixed(2);
    console.log(`| ${name} | ${latency} | ${rate(name).toFixed(0)} | ${share} |`);
  }
}

const { values } = benchOptions({
  options: {
    rounds: { type: "string", default: "400" },
    agents: { type: "string", default: "16" },
    bullmq: { type: "string" },
    redis: { type: "string", default: "redis-server" },
  },
});
const agents = Number(values.agents);
const rounds = Number(values.rounds);
console.log(machineLine());
for (const delay of [0, 30]) {
  console.log(`\n${delay} ms added to every call of D1, ${agents} agents, ${rounds} rounds\n`);
  await using splatt = await workerContender("splatt", delay, agents, SLOTS);
  await using bare = await workerContender("bare", delay, 1, SLOTS);
  const slots = agents * SLOTS;
  await using peer =
    values.bullmq === undefined || delay > 0
      ? null
      : await bullMqContender(values.bullmq, values.redis, slots);
  await race(peer === null ? [splatt, bare] : [splatt, bare, peer], rounds);
}
