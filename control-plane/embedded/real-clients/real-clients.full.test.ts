import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { PART_SIZE_BYTES } from "@splatt/shared";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { completeJob } from "../front-door/testing.ts";
import { type EmbeddedControlPlane, startControlPlane } from "../index.ts";
import { CLIENTS, type Client, isInstalled, WHOLE_JOB_CLIENTS, type WholeJobClient } from "./clients.ts";
import { HostileProxy } from "./hostile-proxy.ts";

/** The clients that people use, directly and over a network that cuts, delays and repeats. */

const KEY = "key-of-the-real-clients";
const MIB = 1024 * 1024;
const SIZE = 12 * MIB + 1234;
const UNZIP = { probe: ["unzip", "-v"] };
/** How often a person tries again. */
const TRIES = 30;

const content = randomBytes(SIZE);
let dir: string;
let controlPlane: EmbeddedControlPlane;
let proxy: HostileProxy;
let completed: string;
let path: string;
const logged: string[] = [];
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-clients-"));
  controlPlane = await startControlPlane({
    dataDir: join(dir, "data"),
    port: 0,
    apiKey: KEY,
    onLog: (level, text) => {
      if (level === "error") logged.push(text);
    },
  });
  proxy = await HostileProxy.start(controlPlane.url);
  completed = await completedJob();
  path = `/jobs/${completed}/results/baked_splat.ply`;
}, 60_000);
afterAll(async () => {
  await proxy.stop();
  await controlPlane.stop();
  await rm(dir, { recursive: true });
  expect(logged).toEqual([]);
});

async function api<T>(method: string, at: string, body: BodyInit | null = null): Promise<T> {
  const response = await fetch(new URL(at, controlPlane.url), {
    method,
    headers: { "x-api-key": KEY },
    body,
  });
  expect(response.status).toBe(200);
  return (await response.json()) as T;
}

async function completedJob(): Promise<string> {
  const { upload_id } = await api<{ upload_id: string }>(
    "POST",
    "/uploads",
    JSON.stringify({ filename: "v.mp4", size: SIZE }),
  );
  await api("PUT", `/uploads/${upload_id}/parts/1`, content);
  await api("POST", `/uploads/${upload_id}/complete`);
  const job = { task_id: "t", video_url: "https://example.com/v.mp4", filename: "v.mp4" };
  const { job_id } = await api<{ job_id: string }>("POST", "/jobs", JSON.stringify(job));
  await completeJob(join(dir, "data"), job_id, `uploads/${upload_id}/source`, SIZE);
  return job_id;
}

async function download({ command, name }: Client, origin: string): Promise<string> {
  const to = join(dir, name.replaceAll(/\W+/g, "-"));
  await rm(to, { force: true });
  const [file = "", ...args] = command({ url: `${origin}${path}`, key: KEY, path: to });
  let stderr = "";
  for (let tries = 0; tries < TRIES; tries++) {
    const result = await execa(file, args, { cwd: import.meta.dirname, reject: false, timeout: 60_000 });
    if (result.exitCode === 0) return sha256Of(to);
    stderr = result.stderr;
  }
  throw new Error(`${name} failed ${TRIES} times: ${stderr}`);
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}

const sha256 = createHash("sha256").update(content).digest("hex");
const installed = CLIENTS.filter(isInstalled);
for (const { name } of [...CLIENTS, ...WHOLE_JOB_CLIENTS].filter((client) => !isInstalled(client))) {
  console.log(`Skipped: ${name} is not installed.`);
}

describe.each(installed)("$name", (client) => {
  it("downloads a result", { timeout: 120_000 }, async () => {
    expect(await download(client, controlPlane.url)).toBe(sha256);
  });

  it("downloads it over a network that cuts and delays", { timeout: 240_000 }, async () => {
    proxy.misbehave({ cuts: 3, afterBytes: 2 * MIB, delayMs: 2 });
    expect(await download(client, proxy.url)).toBe(sha256);
    expect(proxy.misdeedsLeft).toBe(0);
  });
});

describe("goes the whole way over a network that cuts, delays and repeats", () => {
  const video = randomBytes(PART_SIZE_BYTES + 100_000);
  beforeAll(() => writeFile(join(dir, "video"), video));

  async function run({ command: [file = "", ...args] }: WholeJobClient): Promise<string> {
    const folder = await mkdtemp(join(dir, "whole-"));
    const given = [proxy.url, KEY, join(dir, "video"), completed, folder];
    const program = execa(file, [...args, ...given], { cwd: import.meta.dirname, timeout: 300_000 });
    for await (const jobId of program) await api("POST", `/jobs/${jobId}/cancel`);
    await program;
    return folder;
  }

  it.each(WHOLE_JOB_CLIENTS.filter(isInstalled))("$name", { timeout: 400_000 }, async (client) => {
    proxy.misbehave({ delayMs: 1, cuts: 3, requestCuts: 3, repeats: 6, afterBytes: 1 * MIB });
    const folder = await run(client);
    expect(proxy.misdeedsLeft).toBe(0);
    expect(await sha256Of(join(folder, "result"))).toBe(sha256);
    if (isInstalled(UNZIP)) {
      await execa("unzip", ["-q", "results.zip"], { cwd: folder });
      expect(await sha256Of(join(folder, "baked_splat.ply"))).toBe(sha256);
    }
    const task = encodeURIComponent(client.name);
    const { jobs } = await api<{ jobs: unknown[] }>("GET", `/jobs?task_id=${task}`);
    expect(jobs).toHaveLength(1);
  });
});

describe("a player that probes like Safari", () => {
  const range = async (bytes: string) => {
    const headers = { "x-api-key": KEY, range: `bytes=${bytes}` };
    const response = await fetch(new URL(path, controlPlane.url), { headers });
    const body = Buffer.from(await response.arrayBuffer());
    return { status: response.status, range: response.headers.get("content-range"), body };
  };

  it("gets two bytes and the total, then the whole, then any stretch", async () => {
    expect(await range("0-1")).toEqual({
      status: 206,
      range: `bytes 0-1/${SIZE}`,
      body: content.subarray(0, 2),
    });
    const whole = await range(`0-${SIZE - 1}`);
    expect(whole).toMatchObject({ status: 206, range: `bytes 0-${SIZE - 1}/${SIZE}` });
    expect(whole.body.equals(content)).toBe(true);
    const stretch = await range(`${5 * MIB}-${8 * MIB}`);
    expect(stretch.body.equals(content.subarray(5 * MIB, 8 * MIB + 1))).toBe(true);
    const end = await range("-1000");
    expect(end.body.equals(content.subarray(SIZE - 1000))).toBe(true);
  });
});
