import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { Agent, get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { completeJob } from "@splatt/control-plane/embedded/front-door/testing";
import { ControlPlaneProcess } from "@splatt/local/control-plane-process";
import { planParts } from "@splatt/shared";
import { execa } from "execa";
import { Splatt } from "splatt";
import { benchOptions } from "../bench-options.ts";
import { machineLine } from "../control-plane/machine-line.ts";
import { quantile } from "../control-plane/quantiles.ts";
import { timedGet } from "../control-plane/requests.ts";
import { leaseJobInput } from "../door/job-input.ts";
import { MemoryWatch } from "../door/memory-watch.ts";
import { type Nginx, startNginx } from "../door/nginx.ts";

/**
 * `npm run bench -- door [--mib 1024] [--seconds 30]`: uploads and downloads through the embedded control plane's
 * front door, with a key that has limits: in parts and with tus, as a job's input, as a result and by a signed link.
 * Compares with nginx on the same file; also measures GET /health and the memory while ten clients download and ten
 * read slowly. Needs curl, and nginx for the comparison (Debian: apt-get install nginx-light curl).
 */

const MIB = 1024 * 1024;
const ROUNDS = 5;
const SENDERS = 4;
const READERS = 10;
const SLOW_BYTES_PER_SEC = 50_000;
const REQUEST_INTERVAL_MS = 20;
const ADMIN_KEY = "bench-key-of-the-door";

interface Part {
  readonly path: string;
  readonly number: number;
  readonly sha256: string;
}

const { values } = benchOptions({
  options: { mib: { type: "string", default: "1024" }, seconds: { type: "string", default: "30" } },
});
const size = Number(values.mib) * MIB;
console.log(`${machineLine()}; a file of ${values.mib} MiB`);

const dir = await mkdtemp(join(tmpdir(), "splatt-door-"));
const dataDir = join(dir, "control-plane");
const controlPlane = await ControlPlaneProcess.start({ dataDir, apiKey: ADMIN_KEY }, (line) =>
  console.error(line),
);
const API_KEY = await limitedKey();
const nginx = await startNginx();
if (nginx === null) console.log("nginx is not installed; skipping the comparison.");
try {
  await measure();
} finally {
  await nginx?.[Symbol.asyncDispose]();
  await controlPlane.stop();
  await rm(dir, { recursive: true, force: true });
}

async function measure(): Promise<void> {
  const http = new Agent({ keepAlive: true });
  await timedGet(`${controlPlane.url}/health`, http, API_KEY);
  const memory = await MemoryWatch.start(await controlPlane.pids());
  const { parts, whole } = await writeParts();

  const uploads = { door: [] as number[], nginx: [] as number[] };
  let uploadId = "";
  for (let round = 0; round < ROUNDS; round++) {
    const began = performance.now();
    uploadId = await uploadToDoor(parts);
    uploads.door.push(rate(began));
    if (nginx !== null) uploads.nginx.push(await uploadToNginx(nginx, parts));
  }

  const tus = { door: [] as number[], nginx: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    tus.door.push(await uploadWithTus(whole));
    if (nginx !== null) tus.nginx.push(await uploadToNginx(nginx, [whole]));
  }

  const result = await resultOf(uploadId);
  const { url: link } = await postJson<{ url: string }>(`${result}/link`, {});
  const input = await leaseJobInput(controlPlane.url, API_KEY, uploadId);
  const downloads = { door: [] as number[], nginx: [] as number[] };
  const results = { door: [] as number[], nginx: downloads.nginx };
  const linked = { door: [] as number[], nginx: downloads.nginx };
  for (let round = 0; round < ROUNDS; round++) {
    downloads.door.push(await timedDownload(input.url, input.headers));
    if (nginx !== null) downloads.nginx.push(await timedDownload(`${nginx.url}/whole`, {}));
    results.door.push(await timedDownload(`${controlPlane.url}${result}`, { "x-api-key": API_KEY }));
    linked.door.push(await timedDownload(link, {}));
  }
  console.log(`\n| MiB/s, median of ${ROUNDS} | front door | nginx | ratio |\n|---|---|---|---|`);
  console.log(row(`upload in parts of 32 MiB, ${SENDERS} in parallel, SHA-256 of each`, uploads));
  console.log(row("upload with tus in one request, SHA-256 of the whole", tus));
  console.log(row("download of a job's input by its agent", downloads));
  console.log(row("download of a result with a key", results));
  console.log(row("download by a signed link", linked));

  const health = `${controlPlane.url}/health`;
  console.log("\n| one small request at a time | p50 ms | p99 ms | longest ms |\n|---|---|---|---|");
  console.log(timesRow("GET /health, idle", await responseTimes(http, health, 5)));
  const seconds = Number(values.seconds);
  const readers = `${READERS} download, ${READERS} read slowly`;
  const stopReaders = startReaders(input.url, input.headers);
  console.log(timesRow(`GET /health, ${readers}`, await responseTimes(http, health, seconds)));
  await stopReaders();
  if (nginx !== null) {
    // What the scheduler of this machine costs anybody who serves such readers on it.
    await writeFile(join(nginx.root, "health"), await (await fetch(health)).text());
    const stopNginxReaders = startReaders(`${nginx.url}/whole`, {});
    const times = await responseTimes(http, `${nginx.url}/health`, seconds);
    console.log(timesRow(`the same answer as a file from nginx, ${readers} from it`, times));
    await stopNginxReaders();
  }
  console.log(`\nPeak memory above idle, all processes: ${await memory.stop()} MiB`);
  http.destroy();
  input.close();
}

/** A key with all limits, none of which is reached. */
async function limitedKey(): Promise<string> {
  const client = new Splatt({ url: controlPlane.url, apiKey: ADMIN_KEY });
  const { key } = await client.createKey({
    name: "bench",
    scopes: ["jobs:read", "jobs:write", "results:read", "agents"],
    limits: {
      requests_per_minute: 100_000,
      jobs_per_hour: 1000,
      jobs_waiting: 1000,
      bytes_stored: 1000 * size,
      upload_bytes: size,
    },
  });
  return key;
}

function row(name: string, { door, nginx }: { door: readonly number[]; nginx: readonly number[] }): string {
  const ours = quantile(door, 0.5);
  const theirs = quantile(nginx, 0.5);
  const compared = nginx.length === 0 ? "– | –" : `${theirs.toFixed(0)} | ${(ours / theirs).toFixed(2)}`;
  return `| ${name} | ${ours.toFixed(0)} | ${compared} |`;
}

function rate(began: number): number {
  return (1000 * size) / MIB / (performance.now() - began);
}

async function writeParts(): Promise<{ readonly parts: readonly Part[]; readonly whole: Part }> {
  const noise = randomBytes(32 * MIB);
  const parts: Part[] = [];
  const path = join(nginx?.root ?? dir, "whole");
  const whole = await open(path, "w");
  const hash = createHash("sha256");
  for (const { number, size: bytes } of planParts(size, 32 * MIB)) {
    const content = noise.subarray(0, bytes);
    content.writeUInt32LE(number);
    const path = join(dir, `part-${number}`);
    const file = await open(path, "w");
    await file.writeFile(content);
    await file.close();
    await whole.writeFile(content);
    hash.update(content);
    parts.push({ path, number, sha256: createHash("sha256").update(content).digest("hex") });
  }
  await whole.close();
  return { parts, whole: { path, number: 0, sha256: hash.digest("hex") } };
}

/** The file as the result of a completed job. @returns its path */
async function resultOf(uploadId: string): Promise<string> {
  const video = { task_id: "result", video_url: "https://example.com/v.mp4" };
  const { job_id } = await postJson<{ job_id: string }>("/jobs", video);
  await completeJob(dataDir, job_id, `uploads/${uploadId}/source`, size);
  return `/jobs/${job_id}/results/baked_splat.ply`;
}

/** As tus-js-client does it by default: the whole file in one request. */
async function uploadWithTus({ path, sha256 }: Part): Promise<number> {
  const began = performance.now();
  const headers = { "x-api-key": API_KEY, "tus-resumable": "1.0.0" };
  const created = await fetch(new URL("/uploads/tus", controlPlane.url), {
    method: "POST",
    headers: {
      ...headers,
      "upload-length": String(size),
      "upload-metadata": `filename ${btoa("v.mp4")},sha256 ${btoa(sha256)}`,
    },
  });
  const location = created.headers.get("location");
  if (location === null) throw new Error(`tus: unexpected status ${created.status}`);
  const sent = { ...headers, "upload-offset": "0", "content-type": "application/offset+octet-stream" };
  await curl([...["-X", "PATCH", "-T", path, ...headerArgs(sent)], new URL(location, controlPlane.url).href]);
  return rate(began);
}

async function uploadToDoor(parts: readonly Part[]): Promise<string> {
  const { upload_id } = await postJson<{ upload_id: string }>("/uploads", { filename: "v.mp4", size });
  await inParallel(parts, ({ path, number, sha256 }) =>
    curl([
      "-X",
      "PUT",
      "-T",
      path,
      "-H",
      `X-API-Key: ${API_KEY}`,
      "-H",
      `X-Content-SHA256: ${sha256}`,
      `${controlPlane.url}/uploads/${upload_id}/parts/${number}`,
    ]),
  );
  await postJson(`/uploads/${upload_id}/complete`, {});
  return upload_id;
}

/** Hashes the uploaded parts, as the front door does, with the fastest available program. */
async function uploadToNginx({ url, root }: Nginx, parts: readonly Part[]): Promise<number> {
  const began = performance.now();
  await inParallel(parts, async ({ path, number, sha256 }) => {
    await curl(["-T", path, `${url}/part-${number}`]);
    const { stdout } = await execa("sha256sum", [join(root, `part-${number}`)]);
    if (!stdout.startsWith(sha256)) throw new Error("nginx stored something else");
  });
  return rate(began);
}

async function timedDownload(url: string, headers: Readonly<Record<string, string>>): Promise<number> {
  const began = performance.now();
  await curl([...headerArgs(headers), url]);
  return rate(began);
}

/** Ten curls that download in a loop, and ten slow readers. */
function startReaders(url: string, headers: Readonly<Record<string, string>>): () => Promise<void> {
  let isOver = false;
  const fast = Array.from({ length: READERS }, async () => {
    while (!isOver) await curl([...headerArgs(headers), "--max-time", "10", url], [0, 28]);
  });
  const slow = Array.from({ length: READERS }, () => {
    const request = get(url, { headers, agent: false }, (response) => {
      const timer = setInterval(() => response.read(SLOW_BYTES_PER_SEC / 10), 100);
      response.once("close", () => clearInterval(timer));
    });
    request.on("error", () => undefined);
    return request;
  });
  return async () => {
    isOver = true;
    for (const request of slow) request.destroy();
    await Promise.all(fast);
  };
}

async function responseTimes(http: Agent, url: string, seconds: number): Promise<number[]> {
  const times: number[] = [];
  const end = performance.now() + 1000 * seconds;
  while (performance.now() < end) {
    times.push(await timedGet(url, http, API_KEY));
    await new Promise((resolve) => setTimeout(resolve, REQUEST_INTERVAL_MS));
  }
  return times;
}

function timesRow(name: string, times: readonly number[]): string {
  const ms = (q: number) => quantile(times, q).toFixed(1);
  return `| ${name} | ${ms(0.5)} | ${ms(0.99)} | ${ms(1)} |`;
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const left = items.values();
  const worker = async () => {
    for (const item of left) await work(item);
  };
  await Promise.all(Array.from({ length: SENDERS }, worker));
}

async function curl(args: readonly string[], exitCodes: readonly number[] = [0]): Promise<void> {
  const { exitCode, stderr } = await execa("curl", ["-sSf", "-o", "/dev/null", ...args], { reject: false });
  if (exitCode === undefined || !exitCodes.includes(exitCode)) throw new Error(`curl: ${stderr}`);
}

function headerArgs(headers: Readonly<Record<string, string>>): string[] {
  return Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
}

async function postJson<T>(path: string, body: unknown): Promise<T> {
  const response = await fetch(new URL(path, controlPlane.url), {
    method: "POST",
    headers: { "x-api-key": API_KEY },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path}: unexpected status ${response.status}`);
  return (await response.json()) as T;
}
