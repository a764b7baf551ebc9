import { parseArgs } from "node:util";
import type { Contender } from "./control-plane/contender.ts";
import { machineLine } from "./control-plane/machine-line.ts";
import { p50p99, quantile } from "./control-plane/quantiles.ts";
import { workerContender } from "./control-plane/worker-contender.ts";

/**
 * `npm run bench:dispatch [-- --rounds N] [--agents N]`: how long after POST /jobs an idle agent has the job, and how many jobs a
 * second get to agents when they come all at once; beside a bare Worker, without and with 30 ms added to every call
 * of D1.
 */

const WARM_UP_ROUNDS = 30;

/** One job at a time, the contenders in turn, so that a busy moment of the machine hits all of them. */
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

/** Jobs per second when `atOnce` are on their way at any time. */
async function throughput(contender: Contender, jobs: number, atOnce: number): Promise<number> {
  const began = performance.now();
  const left = Array.from({ length: jobs }).values();
  const sender = async () => {
    for (const _ of left) await contender.handOver();
  };
  await Promise.all(Array.from({ length: atOnce }, sender));
  const seconds = (performance.now() - began) / 1000;
  await contender.settle();
  return jobs / seconds;
}

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "400" }, agents: { type: "string", default: "16" } },
});
const rounds = Number(values.rounds);
console.log(machineLine());
for (const delay of [0, 30]) {
  console.log(`\n${delay} ms added to every call of D1, ${rounds} rounds\n`);
  await using splatt = await workerContender("splatt", delay, Number(values.agents), 64);
  await using bare = await workerContender("bare", delay, 1, 64);
  const contenders = [splatt, bare];
  const times = await latencies(contenders, rounds);
  for (const [name, ms] of times) console.log(`| ${name} | ${p50p99(ms)} |`);
  const of = (name: string, q: number) => quantile(times.get(name) ?? [], q);
  console.log(
    `over bare: p50 ${(of("splatt", 0.5) - of("bare", 0.5)).toFixed(1)} ms, p99 ${(of("splatt", 0.99) - of("bare", 0.99)).toFixed(1)} ms`,
  );
  for (const contender of contenders) {
    const perSecond = await throughput(contender, 500, 64);
    console.log(`${contender.name}: ${perSecond.toFixed(0)} jobs/s`);
  }
}
