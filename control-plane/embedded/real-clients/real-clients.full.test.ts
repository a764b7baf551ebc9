import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { completeJob } from "../front-door/testing.ts";
import { type EmbeddedControlPlane, startControlPlane } from "../index.ts";
import { CLIENTS, type Client, isInstalled } from "./clients.ts";
import { HostileProxy } from "./hostile-proxy.ts";

/** The clients that people use download a result, directly and over a network that cuts them. */

const KEY = "key-of-the-real-clients";
const MIB = 1024 * 1024;
const SIZE = 12 * MIB + 1234;
/** How often a person tries again. */
const TRIES = 30;

const content = randomBytes(SIZE);
let dir: string;
let controlPlane: EmbeddedControlPlane;
let proxy: HostileProxy;
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
  path = await resultPath();
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

async function resultPath(): Promise<string> {
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
  return `/jobs/${job_id}/results/baked_splat.ply`;
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
for (const { name } of CLIENTS.filter((client) => !installed.includes(client))) {
  console.log(`Skipped: ${name} is not installed.`);
}

describe.each(installed)("$name", (client) => {
  it("downloads a result", { timeout: 120_000 }, async () => {
    expect(await download(client, controlPlane.url)).toBe(sha256);
  });

  it("downloads it over a network that cuts and delays", { timeout: 240_000 }, async () => {
    proxy.misbehave({ cuts: 3, afterBytes: 2 * MIB, delayMs: 2 });
    expect(await download(client, proxy.url)).toBe(sha256);
    expect(proxy.cutsLeft).toBe(0);
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
