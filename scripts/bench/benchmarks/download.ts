import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "@splatt/gpu-agent/log";
import { DEFAULT_FETCH_LIMITS } from "@splatt/gpu-agent/pipeline/download/download-stage";
import { fetchFile } from "@splatt/gpu-agent/pipeline/download/fetch-file";
import { guardedClient } from "@splatt/gpu-agent/pipeline/download/guarded-client";
import { checkSourceUrl } from "@splatt/shared";
import { execa } from "execa";
import { startThrottledServer } from "../throttled-server.ts";

/**
 * `npm run bench -- download`: the download stage against curl and aria2c. Uses a local server, first with a fixed rate
 * per connection, then without a limit. Needs curl and aria2 (Debian: apt-get install aria2 curl). Splatt also hashes
 * the file and syncs it to disk; the others do neither.
 */

const MB = 1_000_000;
const ROUNDS = 3;

type Fetch = (url: string, path: string) => Promise<void>;

const CONTENDERS: readonly (readonly [name: string, fetch: Fetch])[] = [
  ["splatt", fetchWithOurs],
  ["curl", (url, path) => runTool("curl", ["-sS", "-o", path, url])],
  ["aria2c -x8", (url, path) => aria2c(url, path, ["-x8"])],
  ["aria2c -x8 -s8 -k1M", (url, path) => aria2c(url, path, ["-x8", "-s8", "-k1M"])],
];

async function runTool(file: string, args: readonly string[]): Promise<void> {
  await execa(file, [...args], { stdin: "ignore" });
}

function aria2c(url: string, path: string, options: readonly string[]): Promise<void> {
  const slash = path.lastIndexOf("/");
  const place = ["--dir", path.slice(0, slash), "--out", path.slice(slash + 1)];
  return runTool("aria2c", ["--quiet", "--no-conf", "--allow-overwrite", ...options, ...place, url]);
}

async function fetchWithOurs(url: string, path: string): Promise<void> {
  const policy = { allowHttp: true, allowHosts: [new URL(url).host] };
  const client = guardedClient(policy);
  const fetched = await fetchFile({
    source: { url, send: client.send, check: (text, from) => checkSourceUrl(text, policy, from) },
    file: path,
    limits: { ...DEFAULT_FETCH_LIMITS, minFreeBytes: 0 },
    signal: new AbortController().signal,
    log: createLogger({ level: "silent", format: "json" }),
    onProgress: () => undefined,
    onlyVideo: false,
  });
  client.close();
  if (!fetched.ok) throw new Error(fetched.error.detail);
}

/** Seconds; the contenders alternate, so that load on the machine affects all of them. */
async function race(url: string, sha256: string, names: readonly string[]): Promise<Map<string, number>> {
  const dir = await mkdtemp(join(tmpdir(), "splatt-bench-"));
  const seconds = new Map<string, number[]>();
  try {
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, fetch] of CONTENDERS.filter(([name]) => names.includes(name))) {
        const path = join(dir, "video.mp4");
        const began = performance.now();
        await fetch(url, path);
        seconds.set(name, [...(seconds.get(name) ?? []), (performance.now() - began) / 1000]);
        const hash = createHash("sha256")
          .update(await readFile(path))
          .digest("hex");
        if (hash !== sha256) throw new Error(`${name} left ${(await stat(path)).size} wrong bytes`);
        await rm(path);
      }
    }
  } finally {
    await rm(dir, { recursive: true });
  }
  return new Map([...seconds].map(([name, all]) => [name, all.toSorted((a, b) => a - b)[ROUNDS >> 1] ?? 0]));
}

function print(title: string, results: ReadonlyMap<string, number>, megabytes: number): void {
  console.log(`\n${title}\n`);
  console.log("| | seconds | MB/s | splatt's time relative to it |\n|---|---|---|---|");
  const ours = results.get("splatt") ?? Number.NaN;
  for (const [name, seconds] of results) {
    const rate = (megabytes / seconds).toFixed(0);
    console.log(`| ${name} | ${seconds.toFixed(2)} | ${rate} | ${(ours / seconds).toFixed(2)} |`);
  }
}

function randomFile(megabytes: number): SharedArrayBuffer {
  const words = new Uint32Array(new SharedArrayBuffer(megabytes * MB));
  let state = 1;
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    words[i] = state;
  }
  return words.buffer as SharedArrayBuffer;
}

async function measure(megabytes: number, mbPerSecond: number | null, names: readonly string[]) {
  const bytes = randomFile(megabytes);
  const sha256 = createHash("sha256").update(new Uint8Array(bytes)).digest("hex");
  const bytesPerSecond = mbPerSecond === null ? null : mbPerSecond * MB;
  await using server = await startThrottledServer({ bytes, bytesPerSecond });
  const limit = mbPerSecond === null ? "no limit" : `${mbPerSecond} MB/s per connection`;
  print(`${megabytes} MB, ${limit}, median of ${ROUNDS}`, await race(server.url, sha256, names), megabytes);
}

console.log(`${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores`);
const everybody = CONTENDERS.map(([name]) => name);
await measure(128, 8, everybody);
await measure(1000, null, everybody);
