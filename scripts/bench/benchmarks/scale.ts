import { mkdtemp, rm } from "node:fs/promises";
import { Agent } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ScriptedAgent } from "@splatt/e2e/scripted-agent";
import { benchOptions } from "../bench-options.ts";
import { Arrivals } from "../control-plane/arrivals.ts";
import { type BenchStack, startStack } from "../control-plane/bench-stack.ts";
import { runLoad } from "../control-plane/load.ts";
import { machineLine } from "../control-plane/machine-line.ts";
import { p50p99 } from "../control-plane/quantiles.ts";
import { timedGet } from "../control-plane/requests.ts";
import { databaseBytes, SEEDED_SINCE, seededId, seedJobs } from "../control-plane/seeded-jobs.ts";

/**
 * `npm run bench -- scale [--sizes 10000,100000,1000000] [--rounds N]`: the time of requests with this many jobs in D1:
 * a job's status, pages of the list with and without filters, the metrics, and an agent's wait for its next queued job.
 * One job in ten is queued, so the smallest size must exceed ten times the rounds.
 *
 * With `--agents N [--rate 100] [--seconds 600] [--job-seconds 60]`, N agents then connect to a pool of the largest
 * database and run the jobs that are sent to it, `rate` a second; `--rate 20,100 --seconds 60,600` is two rates, one
 * after the other. `--rounds 0` measures only that.
 */

const { values } = benchOptions({
  options: {
    sizes: { type: "string", default: "10000,100000,1000000" },
    rounds: { type: "string", default: "200" },
    agents: { type: "string", default: "0" },
    rate: { type: "string", default: "100" },
    seconds: { type: "string", default: "600" },
    "job-seconds": { type: "string", default: "60" },
  },
});
const rounds = Number(values.rounds);
const http = new Agent({ keepAlive: true });

async function times(of: () => Promise<number>): Promise<string> {
  for (let i = 0; i < 20; i++) await of();
  const all: number[] = [];
  for (let i = 0; i < rounds; i++) all.push(await of());
  return p50p99(all);
}

/** A job costs the agent 7 points of its budget, which gains 20 a second (src/dispatch/message-budget.ts). */
const CLAIM_PAUSE_MS = 400;

async function claimTimes({ url, client }: BenchStack): Promise<string> {
  const { token } = await client.createAgent({ name: "scale" });
  let jobId = Promise.withResolvers<string>();
  const arrivals = new Arrivals();
  let end: () => Promise<void> = async () => undefined;
  const agent = await ScriptedAgent.connect({
    url,
    token,
    slots: 1,
    onJob: (fence, from) => {
      end = () => from.endJob(fence);
      arrivals.note(fence.job_id);
      jobId.resolve(fence.job_id);
    },
  });
  await jobId.promise;
  const next = async () => {
    await sleep(CLAIM_PAUSE_MS);
    jobId = Promise.withResolvers<string>();
    // The ack is sent once D1 has the end of the job; the claim follows.
    await end();
    const began = performance.now();
    return (await arrivals.of(await jobId.promise)) - began;
  };
  const all = await times(next);
  agent.close();
  return all;
}

async function measure(stack: BenchStack, size: number): Promise<void> {
  const get = (path: () => string) => times(() => timedGet(`${stack.url}${path()}`, http, stack.apiKey));
  const someJob = () => 1 + Math.floor(Math.random() * size);
  const row = [
    await get(() => `/jobs/${seededId(someJob())}/status`),
    await get(() => "/jobs?limit=100"),
    await get(() => `/jobs?limit=100&cursor=${someJob()}`),
    await get(() => "/jobs?limit=100&status=queued"),
    await get(() => `/jobs?limit=100&status=failed&cursor=${someJob()}`),
    await claimTimes(stack),
  ];
  const gigabytes = (await databaseBytes(dataDir)) / 1e9;
  console.log(`| ${size.toLocaleString("en")} | ${gigabytes.toFixed(2)} | ${row.join(" | ")} |`);
  const time = () => new Date(SEEDED_SINCE + 1000 * someJob()).toISOString();
  const filtered = {
    "task_id=": () => `/jobs?task_id=seeded-${Math.floor(someJob() / 10)}`,
    "label=, one in a hundred": () => `/jobs?limit=100&label=rare=yes&cursor=${someJob()}`,
    "label=, one in ten": () => `/jobs?limit=100&label=batch=3&cursor=${someJob()}`,
    // In the smallest database, a page of jobs with both is full only without a cursor.
    "two labels, one in thirty": () => "/jobs?limit=100&label=floor=1&label=batch=3",
    "two labels, one in a thousand": () => `/jobs?limit=100&label=rare=yes&label=batch=3&cursor=${someJob()}`,
    "three statuses": () =>
      `/jobs?limit=100&status=failed&status=queued&status=completed&cursor=${someJob()}`,
    "pool=": () => `/jobs?limit=100&pool=lab&cursor=${someJob()}`,
    "pool= and status=": () => `/jobs?limit=100&pool=lab&status=completed&cursor=${someJob()}`,
    "created_after=": () => `/jobs?limit=100&created_after=${time()}`,
    "created_before=": () => `/jobs?limit=100&created_before=${time()}`,
    "created_before= and label=": () => `/jobs?limit=100&created_before=${time()}&label=batch=3`,
    "GET /metrics": () => "/metrics",
  };
  for (const [name, path] of Object.entries(filtered)) {
    const all = filters.get(name) ?? [];
    all.push(await get(path));
    filters.set(name, all);
  }
}

/** By filter, a time for each size. */
const filters = new Map<string, string[]>();
console.log(machineLine());
console.log("\nMilliseconds, p50 / p99\n");
console.log(
  "| jobs | GB | status | newest 100 | a later page | newest 100 that wait | a later page of the failed | claim |",
);
console.log("|---|---|---|---|---|---|---|---|");
const dataDir = await mkdtemp(join(tmpdir(), "splatt-bench-scale-"));
try {
  await (await startStack({ worker: "splatt", dataDir }))[Symbol.asyncDispose]();
  let made = 0;
  for (const size of values.sizes.split(",").map(Number)) {
    await seedJobs(dataDir, made, size);
    made = size;
    if (rounds === 0) continue;
    await using stack = await startStack({ worker: "splatt", dataDir });
    await measure(stack, size);
  }
  const sizes = values.sizes.split(",").map((size) => Number(size).toLocaleString("en"));
  console.log(
    `\n| 100 jobs of the list by | ${sizes.join(" | ")} |\n|---|${sizes.map(() => "---|").join("")}`,
  );
  for (const [name, all] of filters) console.log(`| ${name} | ${all.join(" | ")} |`);
  const agents = Number(values.agents);
  if (agents > 0) {
    const seconds = values.seconds.split(",").map(Number);
    const rates = values.rate
      .split(",")
      .map((rate, i) => ({ rate: Number(rate), seconds: seconds[i] ?? seconds.at(-1) ?? 0 }));
    await runLoad({ agents, rates, jobSeconds: Number(values["job-seconds"]) }, dataDir);
  }
} finally {
  http.destroy();
  await rm(dataDir, { recursive: true });
}
