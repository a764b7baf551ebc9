import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { globSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { Agent, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { ControlPlaneProcess } from "@splatt/local/control-plane-process";
import { Splatt } from "splatt";
import { AbusedAgent } from "../abuse/abused-agent.ts";
import { attacksOn, type Target } from "../abuse/attacks.ts";
import { benchOptions } from "../bench-options.ts";
import { residentMemory } from "../control-plane/bench-stack.ts";
import { machineLine } from "../control-plane/machine-line.ts";
import { p50p99 } from "../control-plane/quantiles.ts";
import { timedGet } from "../control-plane/requests.ts";
import { leaseJobInput } from "../door/job-input.ts";

/**
 * `npm run bench -- abuse [--minutes 60] [--pause MS] [--each SECONDS] [--only NAME]`: what grows in the embedded control
 * plane (memory, open files, bytes on the disk, rows, the log), and the latency for others, while clients attack it in
 * every way together: broken framing, slow and idle connections, floods with valid keys, agents that flood their
 * sockets, ranges, aborted uploads, slow readers. An agent works for it meanwhile, on hostile videos. --pause is the
 * time between two attacks of a kind, by default 5 ms. With --each, one attack after the other, and the processor time
 * that each costs. A bare HTTP server of Node shows what the machine's load costs anybody.
 */

const MIB = 1024 * 1024;
const API_KEY = "bench-key-of-the-abused";
const POOL = "abused";
const FILE_BYTES = 64 * MIB;
const PART_BYTES = 32 * MIB;
/** Clock ticks of /proc, which are 10 ms on every Linux. */
const TICK_MS = 10;
const ATTACKERS = join(import.meta.dirname, "../abuse/attack-main.ts");

const { values } = benchOptions({
  options: {
    minutes: { type: "string", default: "60" },
    pause: { type: "string", default: "5" },
    each: { type: "string" },
    only: { type: "string", multiple: true, default: [] },
  },
});

console.log(machineLine());
const dir = await mkdtemp(join(tmpdir(), "splatt-abuse-"));
const dataDir = join(dir, "control-plane");
let logBytes = 0;
const sources = { allowHttp: true, allowHosts: ["127.0.0.1"] };
const controlPlane = await ControlPlaneProcess.start({ dataDir, apiKey: API_KEY, sources }, (line) => {
  logBytes += line.length + 1;
  if (line.includes('"level":"error"')) console.error(line.slice(0, 300));
});
const pids = await controlPlane.pids();
const http = new Agent({ keepAlive: true });
const peer = createServer({ keepAliveTimeout: 0 }, (_request, response) => response.end("{}")).listen(
  0,
  "127.0.0.1",
);
await once(peer, "listening");
const peerUrl = `http://127.0.0.1:${(peer.address() as AddressInfo).port}/`;
let agent: AbusedAgent | null = null;
try {
  const target = await prepare();
  const { token } = await target.client.createAgent({ name: POOL, pool: POOL });
  agent = await AbusedAgent.start({ controlPlane: controlPlane.url, token, workspace: join(dir, "agent") });
  if (values.each === undefined) await attackTogether(target, agent, Number(values.minutes));
  else await attackInTurn(target, Number(values.each));
  target.video.close();
} finally {
  await agent?.stop();
  http.destroy();
  peer.close();
  await controlPlane.stop();
  await rm(dir, { recursive: true, force: true });
}

async function prepare(): Promise<Target> {
  const client = new Splatt({ url: controlPlane.url, apiKey: API_KEY });
  const { token: agentToken } = await client.createAgent({ name: "hostile" });
  const { job_id: jobId } = await client.createJob({
    task_id: "abuse",
    video_url: "https://example.com/v.mp4",
    filename: "v.mp4",
  });
  const { upload_id } = await client.createUpload({ filename: "v.mp4", size: FILE_BYTES });
  for (const number of [1, 2]) {
    const part = await fetch(`${controlPlane.url}/uploads/${upload_id}/parts/${number}`, {
      method: "PUT",
      headers: { "x-api-key": API_KEY },
      body: Buffer.alloc(PART_BYTES),
    });
    if (!part.ok) throw new Error(`part ${number}: unexpected status ${part.status}`);
  }
  await client.completeUpload(upload_id);
  const video = await leaseJobInput(controlPlane.url, API_KEY, upload_id);
  return { url: controlPlane.url, apiKey: API_KEY, client, jobId, agentToken, video, pool: POOL };
}

async function attackTogether(target: Target, agent: AbusedAgent, minutes: number): Promise<void> {
  console.log(
    "\n| minute | launcher | runtime | byte mover | above idle, MiB | agent | its tools | its disk, MiB | its jobs | open files | on the disk, MiB | rows in D1 | log, KiB | GET /health failed | p50 / p99 | bare server p50 / p99 ms |",
  );
  console.log(`|${"---|".repeat(16)}`);
  const idle = await memoryOf();
  const row = async (minute: number, now: readonly number[], times: string) => {
    const { files, bytes, rows } = await kept();
    const working = await agent.usage();
    const cells = [
      ...now.map(mib),
      mib(sum(now) - sum(idle)),
      ...[working.memory, working.toolMemory, working.diskBytes].map(mib),
      sum(outcomesOfJobs().map(({ jobs }) => jobs)),
      files,
      mib(bytes),
      rows,
      (logBytes / 1024).toFixed(0),
      times,
    ];
    console.log(`| ${[minute, ...cells].join(" | ")} |`);
  };
  await row(0, idle, await latencies(5000));
  const attackers = startAttackers(target, values.only);
  const above: number[] = [];
  try {
    for (let minute = 1; minute <= minutes; minute++) {
      const times = await latencies(60_000);
      const now = await memoryOf();
      above.push(sum(now) - sum(idle));
      await row(minute, now, times);
    }
  } finally {
    attackers.kill("SIGKILL");
  }
  const later = above.slice(Math.floor(above.length / 3));
  console.log(
    `\nMost above idle: ${mib(Math.max(...above))} MiB. Slope after the first third: ` +
      `${((60 * slopeOf(later)) / MIB).toFixed(1)} MiB an hour.`,
  );
  await latencies(60_000);
  await row(minutes + 1, await memoryOf(), "nobody attacks | | ");
  console.log(
    `\nThe agent's jobs: ${outcomesOfJobs()
      .map(({ outcome, jobs }) => `${jobs} ${outcome}`)
      .join(", ")}.`,
  );
}

/** How the jobs of the abused agent have ended. */
function outcomesOfJobs(): { outcome: string; jobs: number }[] {
  const [path] = globSync(join(dataDir, "**/d1/**/*.sqlite"));
  const db = new DatabaseSync(path ?? "", { readOnly: true, timeout: 5000 });
  try {
    const query = `SELECT coalesce(error_code, status) AS outcome, count(*) AS jobs FROM jobs WHERE pool = ? GROUP BY 1`;
    return db
      .prepare(query)
      .all(POOL)
      .map(({ outcome, jobs }) => ({ outcome: String(outcome), jobs: Number(jobs) }));
  } finally {
    db.close();
  }
}

async function attackInTurn(target: Target, seconds: number): Promise<void> {
  console.log("\nProcessor time in % of one core.\n");
  console.log(
    "| attack | launcher | runtime | byte mover | GET /health failed | p50 / p99 | bare server p50 / p99 ms |\n|---|---|---|---|---|---|---|",
  );
  const names = Object.keys(attacksOn(target));
  for (const name of [null, ...(values.only.length === 0 ? names : values.only)]) {
    const attackers = name === null ? null : startAttackers(target, [name]);
    await sleep(1000);
    const [before, began] = [await processorTimes(), performance.now()];
    const times = await latencies(1000 * seconds);
    const elapsed = performance.now() - began;
    const shares = (await processorTimes()).map((ms, index) => (100 * (ms - (before[index] ?? 0))) / elapsed);
    attackers?.kill("SIGKILL");
    console.log(`| ${[name ?? "none", ...shares.map((share) => share.toFixed(0)), times].join(" | ")} |`);
  }
}

function startAttackers({ client: _, ...target }: Target, names: readonly string[]): ChildProcess {
  return spawn(process.execPath, [ATTACKERS, JSON.stringify(target), values.pause, ...names], {
    stdio: "ignore",
  });
}

/** @returns the cells of GET /health, and of the bare server in turn with it */
async function latencies(ms: number): Promise<string> {
  const health: number[] = [];
  const bare: number[] = [];
  let failed = 0;
  const end = performance.now() + ms;
  while (performance.now() < end) {
    // The attackers share this client's address, so it may be over that address's limits.
    const took = await timedGet(`${controlPlane.url}/health`, http, API_KEY).catch(() => null);
    if (took === null) failed += 1;
    else health.push(took);
    bare.push(await timedGet(peerUrl, http, API_KEY));
    await sleep(20);
  }
  return `${failed} | ${p50p99(health)} | ${p50p99(bare)}`;
}

/** What a client could make the control plane keep, apart from memory. */
async function kept(): Promise<{ files: number; bytes: number; rows: number }> {
  const open = await Promise.all(pids.map((pid) => readdir(`/proc/${pid}/fd`)));
  const entries = await readdir(dataDir, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  // Files come and go meanwhile.
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path).catch(() => null))?.size ?? 0));
  // The runtime locks the other databases.
  const rows = paths.filter((path) => /\/d1\/.*\.sqlite$/.test(path)).map(rowsOf);
  return { files: open.flat().length, bytes: sum(sizes), rows: sum(rows) };
}

/** The rows of all tables of a database. */
function rowsOf(path: string): number {
  const db = new DatabaseSync(path, { readOnly: true, timeout: 5000 });
  try {
    const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
    return sum(
      tables.map(({ name }) => {
        const count = db.prepare(`SELECT count(*) AS rows FROM "${name}"`).get();
        return Number(count?.rows);
      }),
    );
  } finally {
    db.close();
  }
}

function memoryOf(): Promise<number[]> {
  return Promise.all(pids.map(residentMemory));
}

/** User and system time of each process, ms. */
async function processorTimes(): Promise<number[]> {
  const stats = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, "utf8")));
  return stats.map((stat) => {
    // After the name, which may hold spaces: state is field 3, utime 14, stime 15.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return TICK_MS * (Number(fields[11]) + Number(fields[12]));
  });
}

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(0);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** Of the least-squares line through equally spaced values. */
function slopeOf(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const covariance = sum(values.map((value, index) => (index - middle) * value));
  return covariance / sum(values.map((_, index) => (index - middle) ** 2));
}
