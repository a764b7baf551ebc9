import { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { ScriptedAgent } from "@splatt/e2e/scripted-agent";
import type { AgentMessage } from "@splatt/shared";
import { benchOptions } from "../bench-options.ts";
import { Arrivals } from "../control-plane/arrivals.ts";
import { startStack } from "../control-plane/bench-stack.ts";
import { floodAsAgent, HOSTILE_FRAMES } from "../control-plane/hostile-agent.ts";
import { machineLine } from "../control-plane/machine-line.ts";
import { p50p99 } from "../control-plane/quantiles.ts";
import { timedGet } from "../control-plane/requests.ts";
import { BENCH_JOB, postJson } from "../control-plane/worker-contender.ts";

/**
 * `npm run bench -- hostile [--seconds 10]`: the effect on others of an agent that attacks with a valid token. It floods
 * its socket, and reconnects immediately after each disconnect.
 */

const { values } = benchOptions({ options: { seconds: { type: "string", default: "10" } } });
const ROUND_MS = Number(values.seconds) * 1000;
const ATTACKS: readonly { readonly name: string; readonly frame: AgentMessage | null }[] = [
  { name: "nobody attacks", frame: null },
  { name: "lists of 64 unknown jobs", frame: HOSTILE_FRAMES.held },
  { name: "stages of unknown jobs", frame: HOSTILE_FRAMES.stage },
  { name: "hellos that hold 64 unknown jobs", frame: HOSTILE_FRAMES.hello },
];

console.log(machineLine());
await using stack = await startStack({ worker: "splatt" });
const http = new Agent({ keepAlive: true });
const { token } = await stack.client.createAgent({ name: "hostile" });
const arrivals = new Arrivals();
const worker = await ScriptedAgent.connect({
  url: stack.url,
  token: (await stack.client.createAgent({ name: "worker" })).token,
  slots: 4,
  onJob: ({ job_id }) => arrivals.note(job_id),
});

/** Milliseconds from the request for a job until the worker receives it. */
async function handOver(): Promise<number> {
  const began = performance.now();
  const { job_id } = await postJson<{ job_id: string }>(`${stack.url}/jobs`, http, stack.apiKey, BENCH_JOB);
  const took = (await arrivals.of(job_id)) - began;
  await stack.client.cancelJob(job_id);
  return took;
}

console.log(
  "\n| attack | GET /health, p50 / p99 ms | job handed over, p50 / p99 ms | disconnects |\n|---|---|---|---|",
);
for (const { name, frame } of ATTACKS) {
  const ending = new AbortController();
  const attacking =
    frame === null ? Promise.resolve(0) : floodAsAgent(stack.url, token, frame, ending.signal);
  const health: number[] = [];
  const handOvers: number[] = [];
  const until = performance.now() + ROUND_MS;
  while (performance.now() < until) {
    health.push(await timedGet(`${stack.url}/health`, http, stack.apiKey));
    handOvers.push(await handOver());
  }
  ending.abort();
  console.log(`| ${name} | ${p50p99(health)} | ${p50p99(handOvers)} | ${await attacking} |`);
  // The hostile agent's budget refills, so that all attacks start equal.
  await sleep(20_000);
}
worker.close();
http.destroy();
