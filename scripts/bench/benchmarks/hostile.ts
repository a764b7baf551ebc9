import { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { handshake } from "@splatt/gpu-agent/connection/handshake";
import { Secret } from "@splatt/gpu-agent/secret";
import { type AgentMessage, type Hello, PROTOCOL_VERSION } from "@splatt/shared";
import { Arrivals } from "../control-plane/arrivals.ts";
import { startStack } from "../control-plane/bench-stack.ts";
import { machineLine } from "../control-plane/machine-line.ts";
import { p50p99 } from "../control-plane/quantiles.ts";
import { timedGet } from "../control-plane/requests.ts";
import { ScriptedAgent } from "../control-plane/scripted-agent.ts";
import { BENCH_JOB, postJson } from "../control-plane/worker-contender.ts";

/**
 * `npm run bench -- hostile [--seconds 10]`: the effect on others of an agent that attacks with a valid token. It floods
 * its socket, and reconnects immediately after each disconnect.
 */

const { values } = parseArgs({ options: { seconds: { type: "string", default: "10" } } });
const ROUND_MS = Number(values.seconds) * 1000;
const FRAMES_AT_ONCE = 200;

function fence() {
  return { job_id: crypto.randomUUID(), attempt: 1, lease_id: crypto.randomUUID() };
}

const HELLO: Hello = {
  type: "hello",
  protocol: PROTOCOL_VERSION,
  instance_id: crypto.randomUUID(),
  name: "hostile",
  version: "0.0.0",
  offer: { engines: [], default_engine: null, slots: 0, reason: "hostile", gpus: [] },
  held: [],
  kept: [],
};

const HELD: AgentMessage = {
  type: "job.held",
  jobs: Array.from({ length: 64 }, () => ({ fence: fence(), status: "training", seconds_since_output: 0 })),
};
const STAGE: AgentMessage = {
  type: "job.stage",
  fence: fence(),
  seq: 1,
  status: "training",
  progress: 1,
  message: "x".repeat(2000),
};

const ATTACKS: readonly { readonly name: string; readonly frame: AgentMessage | null }[] = [
  { name: "nobody attacks", frame: null },
  { name: "lists of 64 unknown jobs", frame: HELD },
  { name: "stages of unknown jobs", frame: STAGE },
  { name: "hellos that hold 64 unknown jobs", frame: { ...HELLO, held: heldOf(HELD) } },
];

function heldOf({ jobs }: Extract<AgentMessage, { type: "job.held" }>): Hello["held"] {
  return jobs.map((job) => ({ fence: job.fence, status: job.status, progress: 1, message: "" }));
}

/** Sends frames as fast as possible until the signal aborts. @returns the number of disconnects */
async function attack(url: string, token: string, frame: string, signal: AbortSignal): Promise<number> {
  let disconnects = 0;
  while (!signal.aborted) {
    const opened = await handshake(url, new Secret(token), HELLO, signal);
    if (!opened.ok) {
      await sleep(20);
      continue;
    }
    const { socket } = opened.value;
    while (!signal.aborted && socket.readyState === socket.OPEN) {
      for (let sent = 0; sent < FRAMES_AT_ONCE; sent++) socket.send(frame);
      await sleep(10);
    }
    socket.terminate();
    disconnects += 1;
  }
  return disconnects;
}

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
    frame === null ? Promise.resolve(0) : attack(stack.url, token, JSON.stringify(frame), ending.signal);
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
