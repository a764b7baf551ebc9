import { readdir, readFile } from "node:fs/promises";
import { Agent } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { bundleWorker } from "@splatt/control-plane/bundle";
import { startWorkerAlone } from "@splatt/control-plane/worker-alone";
import { ScriptedAgent, type ScriptedAgentOptions } from "@splatt/e2e/scripted-agent";
import type { Fence } from "@splatt/shared";
import { Arrivals } from "./arrivals.ts";
import { atOnce } from "./at-once.ts";
import { residentMemory } from "./bench-stack.ts";
import { p50p99 } from "./quantiles.ts";
import { jobsOf, seedAgents } from "./seeded-jobs.ts";
import { BENCH_JOB, postJson } from "./worker-contender.ts";

const API_KEY = "bench-key";
/** The jobs that `seedJobs` left waiting are in another pool. */
const POOL = "load";
const CONNECTING_AT_ONCE = 64;
const MAX_TRIES = 5;
/** Without a limit, jobs that wait for an answer would take the files that agents need. */
const POSTS_AT_ONCE = 128;
const REPORT_MS = 60_000;
/** How many agents connect between two lines that say what that took. */
const CONNECTED_PER_LINE = 500;
/** After the last job was sent, how long to wait for the jobs that are still running. */
const LAST_JOBS_MS = 300_000;
const MIB = 1024 ** 2;

export interface Load {
  readonly agents: number;
  /** Jobs a second, whether or not the answers keep up, one after the other. */
  readonly rates: readonly { readonly rate: number; readonly seconds: number }[];
  /** How long an agent holds a job. */
  readonly jobSeconds: number;
}

/**
 * Loads one pool of the Worker alone, as on Cloudflare: the front door of one machine would need two files of its
 * process for each agent. Prints a line a minute. workerd needs two files for each agent: see `ulimit -n`.
 *
 * @param dataDir of a stopped control plane, with the databases to begin with
 */
export async function runLoad(load: Load, dataDir: string): Promise<void> {
  const http = new Agent({ keepAlive: true, maxSockets: POSTS_AT_ONCE });
  const tokens = await seedAgents(dataDir, POOL, load.agents);
  try {
    const main = join(import.meta.dirname, "..", "..", "..", "control-plane", "src", "index.ts");
    const { script } = await bundleWorker(main);
    const worker = await startWorkerAlone({ script, stateDir: join(dataDir, "state"), apiKey: API_KEY });
    try {
      await loadWorker(load, tokens, worker.url, http);
    } finally {
      await worker.stop();
      const errors = worker.log.filter((line) => line.includes('"level":"error"'));
      console.log(`\nErrors in the Worker's log: ${errors.length}`);
      for (const line of errors.slice(0, 3)) console.log(line.slice(0, 500));
      console.log(`In D1: ${await jobsOf(dataDir, POOL)}`);
    }
  } finally {
    http.destroy();
  }
}

async function loadWorker(load: Load, tokens: readonly string[], url: string, http: Agent): Promise<void> {
  const workerd = await runtimePid();
  const before = await residentMemory(workerd);
  const jobs = new JobsUnderLoad(load.jobSeconds);
  const agents: ScriptedAgent[] = [];
  const began = performance.now();
  console.log(
    "\n| agents connected | workerd's processor time for each of the last of them, ms |\n|---|---|",
  );
  let connectedCpu = await cpuSeconds(workerd);
  await atOnce(tokens.length, CONNECTING_AT_ONCE, async (i) => {
    const onJob = (fence: Fence, agent: ScriptedAgent) => jobs.arrived(fence, agent);
    agents.push(await connected({ url, token: tokens[i] ?? "", slots: 1, onJob }));
    if (agents.length % CONNECTED_PER_LINE !== 0) return;
    const count = agents.length;
    const used = await cpuSeconds(workerd);
    const each = (1000 * (used - connectedCpu)) / CONNECTED_PER_LINE;
    connectedCpu = used;
    console.log(`| ${count} | ${each.toFixed(1)} |`);
  });
  const took = (performance.now() - began) / 1000;
  const perAgent = ((await residentMemory(workerd)) - before) / load.agents / 1024;
  console.log(`\n${load.agents} agents connected in ${took.toFixed(0)} s; ${perAgent.toFixed(0)} KiB each`);

  for (const { rate, seconds } of load.rates) {
    const title = `${rate} jobs/s for ${seconds} s, each held for ${load.jobSeconds} s`;
    console.log(`\n${title}; ms, p50 / p99 of each minute\n`);
    console.log(
      "| s | sent | at agents | ended | POST | POST to agent | end to ack | workerd, cores | MiB |",
    );
    console.log("|---|---|---|---|---|---|---|---|---|");
    const endedBefore = jobs.ended;
    const cpuBefore = await cpuSeconds(workerd);
    const ownBefore = process.cpuUsage();
    await sendJobs(jobs, rate, seconds, { url, http, workerd });
    const perJob = (1000 * ((await cpuSeconds(workerd)) - cpuBefore)) / (jobs.ended - endedBefore);
    const { user, system } = process.cpuUsage(ownBefore);
    const ownPerJob = (user + system) / 1000 / (jobs.ended - endedBefore);
    console.log(
      `\nProcessor time for each job, ms: workerd ${perJob.toFixed(1)}, clients and agents ${ownPerJob.toFixed(1)}`,
    );
  }
  for (const agent of agents) agent.close();
  const { sent, failed, arrivedTwice, ended } = jobs;
  console.log(`\n${sent} jobs: ${failed} not accepted, ${arrivedTwice} assigned twice, ${ended} ended`);
}

/** Connects an agent; under load the first try may take too long. */
async function connected(options: ScriptedAgentOptions): Promise<ScriptedAgent> {
  for (let tries = 1; ; tries++) {
    try {
      return await ScriptedAgent.connect(options);
    } catch (error) {
      if (tries === MAX_TRIES) throw error;
    }
  }
}

/** Sends jobs at a rate, and waits until all have ended. */
async function sendJobs(
  jobs: JobsUnderLoad,
  rate: number,
  seconds: number,
  { url, http, workerd }: { readonly url: string; readonly http: Agent; readonly workerd: number },
): Promise<void> {
  const start = performance.now();
  let cpu = await cpuSeconds(workerd);
  let reportedAt = start;
  const report = async () => {
    const now = performance.now();
    const used = await cpuSeconds(workerd);
    const cores = (used - cpu) / ((now - reportedAt) / 1000);
    const memory = (await residentMemory(workerd)) / MIB;
    cpu = used;
    reportedAt = now;
    const elapsed = ((now - start) / 1000).toFixed(0);
    console.log(`| ${elapsed} | ${jobs.takeRow()} | ${cores.toFixed(2)} | ${memory.toFixed(0)} |`);
  };
  const reporting = setInterval(() => void report(), REPORT_MS);
  const sending: Promise<void>[] = [];
  const job = { ...BENCH_JOB, pool: POOL };
  for (let sent = 0; sent < rate * seconds; sent++) {
    const dueAt = start + (1000 * sent) / rate;
    await sleep(Math.max(0, dueAt - performance.now()));
    const post = () => postJson<{ job_id: string }>(`${url}/jobs`, http, API_KEY, job);
    sending.push(jobs.send(dueAt, post));
  }
  await Promise.all(sending);
  const giveUpAt = performance.now() + LAST_JOBS_MS;
  while (!jobs.areAllEnded && performance.now() < giveUpAt) await sleep(100);
  clearInterval(reporting);
  await report();
}

/** The jobs of one load, and the times of the last minute. */
class JobsUnderLoad {
  readonly #heldMs: number;
  readonly #arrivals = new Arrivals();
  readonly #seen = new Set<string>();
  #times = { post: [] as number[], handOver: [] as number[], end: [] as number[] };
  readonly #over = new Set<string>();
  sent = 0;
  failed = 0;
  arrivedTwice = 0;

  constructor(jobSeconds: number) {
    this.#heldMs = 1000 * jobSeconds;
  }

  get ended(): number {
    return this.#over.size;
  }

  get areAllEnded(): boolean {
    return this.#over.size === this.sent - this.failed;
  }

  /** @param dueAt when the job should have been sent: waiting behind others counts */
  async send(dueAt: number, post: () => Promise<{ readonly job_id: string }>): Promise<void> {
    this.sent += 1;
    try {
      const { job_id } = await post();
      this.#times.post.push(performance.now() - dueAt);
      void this.#arrivals.of(job_id).then((at) => this.#times.handOver.push(at - dueAt));
    } catch (error) {
      if (this.failed === 0) console.error(error);
      this.failed += 1;
    }
  }

  arrived(fence: Fence, agent: ScriptedAgent): void {
    if (this.#seen.has(fence.job_id)) this.arrivedTwice += 1;
    this.#seen.add(fence.job_id);
    this.#arrivals.note(fence.job_id);
    setTimeout(() => void this.#end(fence, agent), this.#heldMs);
  }

  async #end(fence: Fence, agent: ScriptedAgent): Promise<void> {
    const began = performance.now();
    await agent.endJob(fence);
    this.#times.end.push(performance.now() - began);
    // A job that was given to a second agent is reported by both.
    this.#over.add(fence.job_id);
  }

  /** The cells of the table; begins the next minute. */
  takeRow(): string {
    const { post, handOver, end } = this.#times;
    this.#times = { post: [], handOver: [], end: [] };
    const counts = [this.sent, this.#seen.size, this.#over.size];
    return [...counts, p50p99(post), p50p99(handOver), p50p99(end)].join(" | ");
  }
}

/** workerd, a child of this process. */
async function runtimePid(): Promise<number> {
  for (const task of await readdir("/proc/self/task")) {
    const children = await readFile(`/proc/self/task/${task}/children`, "utf8");
    for (const pid of children.split(" ").filter(Boolean)) {
      if ((await readFile(`/proc/${pid}/comm`, "utf8")).trim() === "workerd") return Number(pid);
    }
  }
  throw new Error("workerd is not running");
}

/** The CPU time of a process. */
async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  const [user, system] = stat.slice(stat.lastIndexOf(")")).split(" ").slice(12, 14).map(Number);
  return ((user ?? 0) + (system ?? 0)) / CLOCK_TICKS;
}

/** Of a second, on every Linux. */
const CLOCK_TICKS = 100;
