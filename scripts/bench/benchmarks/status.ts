import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { benchOptions } from "../bench-options.ts";
import { startStack, type WorkerName } from "../control-plane/bench-stack.ts";
import { machineLine } from "../control-plane/machine-line.ts";
import { p50p99, quantile } from "../control-plane/quantiles.ts";
import { requestRate, timedGet } from "../control-plane/requests.ts";
import { BENCH_JOB, postJson } from "../control-plane/worker-contender.ts";

/**
 * `npm run bench -- status [--python PROGRAM]`: GET /jobs/{id}/status per second. Compares with a bare Worker that
 * reads the same row and, given a Python with fastapi and uvicorn, against a FastAPI server with its jobs in memory.
 */

const JOBS = 100;
const ROUNDS = 5;
const REQUESTS = 2000;
const CONNECTIONS = 32;
const SINGLES = 200;

interface Server extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
  readonly apiKey: string;
}

async function worker(name: WorkerName): Promise<Server> {
  const stack = await startStack({ worker: name });
  return {
    name,
    url: stack.url,
    apiKey: stack.apiKey,
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  };
}

async function fastApi(python: string): Promise<Server> {
  const apiKey = "bench-key";
  const child = spawn(python, [join(import.meta.dirname, "..", "control-plane", "fastapi_peer.py")], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, GPU_API_KEY: apiKey },
  });
  const url = await new Promise<string>((resolve) => {
    createInterface({ input: child.stderr }).on("line", (line) => {
      const found = /running on (http:\S+)/.exec(line)?.[1];
      if (found !== undefined) resolve(found);
    });
  });
  return {
    name: "FastAPI",
    url,
    apiKey,
    async [Symbol.asyncDispose]() {
      const exited = once(child, "exit");
      child.kill();
      await exited;
    },
  };
}

const { values } = benchOptions({ options: { python: { type: "string" } } });
console.log(machineLine());
await using splatt = await worker("splatt");
await using bare = await worker("bare");
await using peer = values.python === undefined ? null : await fastApi(values.python);
const servers = peer === null ? [splatt, bare] : [splatt, bare, peer];
const http = new Agent({ keepAlive: true });
const rates = new Map(servers.map(({ name }) => [name, [] as number[]]));
const singles = new Map(servers.map(({ name }) => [name, [] as number[]]));
const pages = new Map<string, () => string>();
for (const { name, url, apiKey } of servers) {
  const ids: string[] = [];
  for (let i = 0; i < JOBS; i++) {
    ids.push((await postJson<{ job_id: string }>(`${url}/jobs`, http, apiKey, BENCH_JOB)).job_id);
  }
  pages.set(name, () => `${url}/jobs/${ids[Math.floor(Math.random() * JOBS)]}/status`);
}
// Alternating, so that load on the machine affects all of them; the first round only warms up.
for (let round = -1; round < ROUNDS; round++) {
  for (const { name, apiKey } of servers) {
    const page = pages.get(name) ?? (() => "");
    const rate = await requestRate(page, apiKey, http, REQUESTS, CONNECTIONS);
    const alone: number[] = [];
    for (let i = 0; i < SINGLES / ROUNDS; i++) alone.push(await timedGet(page(), http, apiKey));
    if (round < 0) continue;
    rates.get(name)?.push(rate);
    singles.get(name)?.push(...alone);
  }
}
http.destroy();
const median = (name: string) => quantile(rates.get(name) ?? [], 0.5);
console.log(
  `\n| | requests/s over ${CONNECTIONS} connections | of bare's | one at a time, p50 / p99 ms |\n|---|---|---|---|`,
);
for (const { name } of servers) {
  const share = (median(name) / median("bare")).toFixed(2);
  console.log(`| ${name} | ${median(name).toFixed(0)} | ${share} | ${p50p99(singles.get(name) ?? [])} |`);
}
