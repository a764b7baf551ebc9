import { mkdtemp, rm } from "node:fs/promises";
import { Agent, get, request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { ControlPlaneProcess } from "@splatt/local/control-plane-process";
import { Splatt } from "splatt";
import { residentMemory } from "../control-plane/bench-stack.ts";
import { floodAsAgent, HOSTILE_FRAMES } from "../control-plane/hostile-agent.ts";
import { machineLine } from "../control-plane/machine-line.ts";
import { quantile } from "../control-plane/quantiles.ts";
import { timedGet } from "../control-plane/requests.ts";
import { type JobInput, leaseJobInput } from "../door/job-input.ts";

/**
 * `npm run bench -- abuse [--minutes 60]`: the memory of the embedded control plane, and the latency for others, while
 * clients attack it in every way together: broken framing, slow and idle connections, floods with valid keys, agents
 * that flood their sockets, ranges, aborted uploads, slow readers.
 */

const MIB = 1024 * 1024;
const API_KEY = "bench-key-of-the-abused";
const KEY = { "x-api-key": API_KEY };
const FILE_BYTES = 64 * MIB;
const PART_BYTES = 32 * MIB;
const SLOW_BYTES_PER_SEC = 20_000;

const { values } = parseArgs({ options: { minutes: { type: "string", default: "60" } } });
const minutes = Number(values.minutes);

console.log(machineLine());
const dir = await mkdtemp(join(tmpdir(), "splatt-abuse-"));
const controlPlane = await ControlPlaneProcess.start(
  { dataDir: join(dir, "control-plane"), apiKey: API_KEY },
  (line) => console.error(line.slice(0, 300)),
);
const { hostname, port } = new URL(controlPlane.url);
const ending = new AbortController();
const client = new Splatt({ url: controlPlane.url, apiKey: API_KEY });
const pids = await controlPlane.pids();
const idle = await memoryOf();
const keepAlive = new Agent({ keepAlive: true });
try {
  await measure();
} finally {
  keepAlive.destroy();
  await controlPlane.stop();
  await rm(dir, { recursive: true, force: true });
}

async function measure(): Promise<void> {
  const { token } = await client.createAgent({ name: "hostile" });
  const { job_id } = await client.createJob({
    task_id: "abuse",
    video_url: "https://example.com/v.mp4",
    filename: "v.mp4",
  });
  const upload = await client.createUpload({ filename: "v.mp4", size: FILE_BYTES });
  for (const number of [1, 2]) {
    await ask("PUT", `/uploads/${upload.upload_id}/parts/${number}`, KEY, Buffer.alloc(PART_BYTES));
  }
  await client.completeUpload(upload.upload_id);
  const input = await leaseJobInput(controlPlane.url, API_KEY, upload.upload_id);
  console.log("\n| minute | launcher | runtime | byte mover | above idle, MiB | GET /health p50 | p99 ms |");
  console.log("|---|---|---|---|---|---|---|");
  console.log(memoryRow(0, idle, []));

  const attacks = [
    ...framings().map((bytes, index) => () => exchange(bytes, 100 + 10 * index)),
    ...abuses(job_id, token, input),
  ];
  const attacking = [
    ...attacks.map((attack) => repeat(attack)),
    ...Object.values(HOSTILE_FRAMES).map((frame) =>
      floodAsAgent(controlPlane.url, token, frame, ending.signal),
    ),
  ];
  const above: number[] = [];
  for (let minute = 1; minute <= minutes; minute++) {
    const times = await latencies(60_000);
    const now = await memoryOf();
    above.push(sum(now) - sum(idle));
    console.log(memoryRow(minute, now, times));
  }
  ending.abort();
  await Promise.all(attacking);
  input.close();
  const later = above.slice(Math.floor(above.length / 3));
  console.log(
    `\nMost above idle: ${mib(Math.max(...above))} MiB. Slope after the first third: ` +
      `${((60 * slopeOf(later)) / MIB).toFixed(1)} MiB an hour.`,
  );
}

/** Raw bytes that end, or leave open, a connection at every phase of a request. */
function framings(): string[] {
  const head = `Host: splatt\r\nX-API-Key: ${API_KEY}\r\n`;
  const chunked = `POST /jobs HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\n`;
  return [
    "",
    "GET /health HT",
    `GET /health HTTP/1.1\r\n${head}`,
    `GET /health HTTP/1.1\r\n${head}\r\n`.repeat(100),
    `GET /health HTTP/1.1\r\n${head}Host: other\r\n\r\n`,
    `GET /health HTTP/1.1\r\n${head}MF-Original-URL: http://x/jobs\r\nMF-CF-Blob: x\r\n\r\n`,
    `GET /health HTTP/1.1\r\n${head}X-A: ${"a".repeat(64_000)}\r\n\r\n`,
    "CONNECT evil:443 HTTP/1.1\r\nHost: evil\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: splatt\r\n\r\n",
    `POST /jobs HTTP/1.1\r\n${head}Content-Length: 1000000\r\n\r\n${"x".repeat(1000)}`,
    `${chunked}zz\r\n`,
    `${chunked}5;${"e".repeat(20_000)}\r\nhello\r\n0\r\n\r\n`,
    `${chunked}0\r\n${"T: t\r\n".repeat(3000)}\r\n`,
    `${chunked}${"1\r\nx\r\n".repeat(20_000)}`,
    `POST /jobs HTTP/1.1\r\n${head}Expect: 100-continue\r\nContent-Length: 100\r\n\r\n`,
    `GET /agent HTTP/1.1\r\n${head}Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n`,
    "\u0016\u0003\u0001\u0002\u0000\u0001\u0000",
  ];
}

/** Requests that are valid each, and are sent without end, or are left. */
function abuses(jobId: string, token: string, { url: file, headers }: JobInput): (() => Promise<void>)[] {
  const many = Array.from({ length: 200 }, (_, index) => `${index * 1000}-${index * 1000 + 1}`).join();
  const fence = { authorization: `Bearer ${token}`, "x-job-attempt": "1", "x-lease-id": crypto.randomUUID() };
  let upload: string | null = null;
  return [
    () => ask("GET", "/jobs?limit=100", KEY),
    () => ask("GET", "/", {}),
    () => ask("GET", "/docs", {}),
    () => ask("GET", "/jobs", { "x-api-key": "wrong" }),
    () => ask("POST", "/jobs", KEY, `{"task_id": "${"x".repeat(500_000)}"}`),
    () => ask("GET", `/jobs/${jobId}/status`, { ...KEY, "if-none-match": '"x"', "if-match": '"y"' }),
    () => ask("GET", `/agent/jobs/${jobId}/input`, fence),
    () => ask("POST", `/agent/jobs/${jobId}/uploads`, fence, "{}"),
    () => ask("GET", file, { ...headers, range: `bytes=${many}` }),
    () => ask("GET", file, { ...headers, range: "bytes=0-0" }),
    () => ask("HEAD", file, { ...headers, range: "bytes=0-" }),
    () => ask("GET", file, headers),
    () => readSlowly(file, headers, 5000),
    () => readSlowly(file, headers, 60_000),
    async () => {
      upload ??= (await client.createUpload({ filename: "v.mp4", size: PART_BYTES })).upload_id;
      const head = `PUT /uploads/${upload}/parts/1 HTTP/1.1\r\nHost: splatt\r\nX-API-Key: ${API_KEY}\r\n`;
      await exchange(`${head}Content-Length: ${PART_BYTES}\r\n\r\n${"x".repeat(2_000_000)}`, 300);
    },
  ];
}

async function repeat(attack: () => Promise<void>): Promise<void> {
  while (!ending.signal.aborted) {
    await attack().catch(() => undefined);
    await sleep(5);
  }
}

/** Sends bytes, and resets the connection after some time unless the server closes it first. */
function exchange(bytes: string, ms: number): Promise<void> {
  const socket = connect(Number(port), hostname);
  const timer = setTimeout(() => socket.resetAndDestroy(), ms);
  socket.on("error", () => undefined).resume();
  socket.write(Buffer.from(bytes, "latin1"));
  return new Promise((resolve) =>
    socket.once("close", () => {
      clearTimeout(timer);
      resolve();
    }),
  );
}

function ask(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body?: string | Buffer,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, controlPlane.url), { method, headers, agent: keepAlive }, (answer) => {
      answer.on("error", reject).resume().once("close", resolve);
    });
    sent.on("error", reject).end(body);
  });
}

function readSlowly(path: string, headers: Readonly<Record<string, string>>, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const reader = get(new URL(path, controlPlane.url), { headers, agent: false }, (answer) => {
      const timer = setInterval(() => answer.read(SLOW_BYTES_PER_SEC / 10), 100);
      answer.on("error", () => undefined).once("close", () => clearInterval(timer));
    });
    const timer = setTimeout(() => reader.destroy(), ms);
    reader
      .on("error", () => undefined)
      .once("close", () => {
        clearTimeout(timer);
        resolve();
      });
  });
}

async function latencies(ms: number): Promise<number[]> {
  const times: number[] = [];
  const end = performance.now() + ms;
  while (performance.now() < end) {
    times.push(await timedGet(`${controlPlane.url}/health`, keepAlive, API_KEY));
    await sleep(50);
  }
  return times;
}

function memoryRow(minute: number, now: readonly number[], times: readonly number[]): string {
  const ms = (q: number) => (times.length === 0 ? "–" : quantile(times, q).toFixed(1));
  const cells = [minute, ...now.map(mib), mib(sum(now) - sum(idle)), ms(0.5), ms(0.99)];
  return `| ${cells.join(" | ")} |`;
}

function memoryOf(): Promise<number[]> {
  return Promise.all(pids.map(residentMemory));
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
