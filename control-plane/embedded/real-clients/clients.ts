import { execFileSync } from "node:child_process";
import { basename, dirname, join } from "node:path";

/** How a person would download a file with a client, resuming where a connection was cut. */
export interface Client {
  readonly name: string;
  /** Exits with 0 when the client is installed. */
  readonly probe: readonly string[];
  /** The command; it is run again until it succeeds, as a person would do. */
  readonly command: (download: Download) => readonly string[];
}

export interface Download {
  readonly url: string;
  readonly key: string;
  readonly path: string;
}

const PYTHON = process.env.CLIENTS_PYTHON ?? "python3";

/** Asks for what is missing, of the same version, until everything has arrived. `get` yields chunks or raises. */
const PYTHON_LOOP = `
import os, sys
url, key, path = sys.argv[1:]
etag = None
def headers():
    have = os.path.getsize(path) if os.path.exists(path) else 0
    wanted = {"X-API-Key": key}
    if have and etag:
        wanted.update({"Range": f"bytes={have}-", "If-Range": etag})
    return wanted
def check(status, received):
    global etag
    assert status in (200, 206), status
    etag = received["ETag"]
    return open(path, "ab" if status == 206 else "wb")
`;

const REQUESTS = `${PYTHON_LOOP}
import requests
while True:
    try:
        with requests.get(url, headers=headers(), stream=True, timeout=20) as r:
            with check(r.status_code, r.headers) as f:
                for chunk in r.iter_content(65536): f.write(chunk)
        break
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError): pass
`;
const HTTPX = `${PYTHON_LOOP}
import httpx
while True:
    try:
        with httpx.stream("GET", url, headers=headers(), timeout=20) as r:
            with check(r.status_code, r.headers) as f:
                for chunk in r.iter_bytes(): f.write(chunk)
        break
    except httpx.TransportError: pass
`;
const AIOHTTP = `${PYTHON_LOOP}
import aiohttp, asyncio
async def main():
    async with aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(url, headers=headers()) as r:
                    with check(r.status, r.headers) as f:
                        async for chunk in r.content.iter_chunked(65536): f.write(chunk)
                return
            except aiohttp.ClientError: pass
asyncio.run(main())
`;
const NODE = `
const fs = require("node:fs");
const [url, key, path] = process.argv.slice(1);
(async () => {
  for (let etag = null; ; ) {
    const have = fs.existsSync(path) ? fs.statSync(path).size : 0;
    const headers = { "x-api-key": key, ...(have && etag && { range: "bytes=" + have + "-", "if-range": etag }) };
    try {
      const response = await fetch(url, { headers });
      if (!response.ok) process.exit(1);
      etag = response.headers.get("etag");
      const file = fs.openSync(path, response.status === 206 ? "a" : "w");
      try { for await (const chunk of response.body) fs.writeSync(file, chunk); } finally { fs.closeSync(file); }
      return;
    } catch {}
  }
})();
`;

/** Streams that are sent again from where they broke off. */
const NODE_LOOP = `
import fs from "node:fs";
import { pipeline } from "node:stream/promises";
const [url, key, path] = process.argv.slice(1);
for (let etag = null; ; ) {
  const have = fs.existsSync(path) ? fs.statSync(path).size : 0;
  const headers = { "x-api-key": key, ...(have && etag && { range: "bytes=" + have + "-", "if-range": etag }) };
  try {
    await get(url, headers, (status, received, body) => {
      etag = received.etag;
      return pipeline(body, fs.createWriteStream(path, { flags: status === 206 ? "a" : "w" }));
    });
    break;
  } catch (error) { if (error.response) throw error; }
}
`;
const AXIOS = `
import axios from "axios";
async function get(url, headers, save) {
  const { status, headers: received, data } = await axios.get(url, { headers, responseType: "stream" });
  await save(status, received, data);
}
${NODE_LOOP}`;
const GOT = `
import got from "got";
async function get(url, headers, save) {
  const body = got.stream(url, { headers, retry: { limit: 0 } });
  await new Promise((resolve, reject) => {
    body.once("error", reject);
    body.once("response", ({ statusCode, headers: received }) => save(statusCode, received, body).then(resolve, reject));
  });
}
${NODE_LOOP}`;

/** A package of the development dependencies; its imports are resolved from this folder. */
const node = (script: string): Pick<Client, "probe" | "command"> => ({
  probe: [process.execPath, "--version"],
  command: ({ url, key, path }) => [process.execPath, "--input-type=module", "-e", script, url, key, path],
});

const python = (module: string, script: string): Pick<Client, "probe" | "command"> => ({
  probe: [PYTHON, "-c", `import ${module}`],
  command: ({ url, key, path }) => [PYTHON, "-c", script, url, key, path],
});

export const CLIENTS: readonly Client[] = [
  { name: "requests (Python)", ...python("requests", REQUESTS) },
  { name: "httpx (Python)", ...python("httpx", HTTPX) },
  { name: "aiohttp (Python)", ...python("aiohttp", AIOHTTP) },
  {
    name: "fetch (Node's undici)",
    probe: [process.execPath, "--version"],
    command: ({ url, key, path }) => [process.execPath, "-e", NODE, url, key, path],
  },
  { name: "axios (Node)", ...node(AXIOS) },
  { name: "got (Node)", ...node(GOT) },
  {
    name: "net/http (Go)",
    probe: ["go", "version"],
    command: ({ url, key, path }) => ["go", "run", join(import.meta.dirname, "download.go"), url, key, path],
  },
  {
    name: "curl",
    probe: ["curl", "--version"],
    command: ({ url, key, path }) => ["curl", "-sf", "-C", "-", "-H", `X-API-Key: ${key}`, "-o", path, url],
  },
  {
    name: "wget",
    probe: ["wget", "--version"],
    command: ({ url, key, path }) => [
      ...["wget", "-q", "-c", "-t", "30", "--waitretry=0", `--header=X-API-Key: ${key}`],
      ...["-O", path, url],
    ],
  },
  {
    name: "aria2c, four connections",
    probe: ["aria2c", "--version"],
    command: ({ url, key, path }) => [
      ...["aria2c", "-q", "-c", "-x4", "-s4", "--min-split-size=1M", "-m", "50", "--allow-overwrite=true"],
      ...[`--header=X-API-Key: ${key}`, "-d", dirname(path), "-o", basename(path), url],
    ],
  },
  {
    name: "rclone's http backend",
    probe: ["rclone", "version"],
    command: ({ url, key, path }) => {
      const { origin, pathname } = new URL(url);
      const remote = `:http:${pathname.slice(1)}`;
      return [
        ...["rclone", "copyto", "--config", "/dev/null", "--http-url", origin, "--http-headers"],
        ...[`X-API-Key,${key}`, "--low-level-retries", "50", "--retries", "10", remote, path],
      ];
    },
  },
];

/**
 * A program that sends a video, makes a job, prints its id, waits until it is cancelled, and downloads the files of a
 * completed one: `COMMAND URL KEY VIDEO COMPLETED_JOB FOLDER`.
 */
export interface WholeJobClient extends Pick<Client, "name" | "probe"> {
  readonly command: readonly string[];
}

const program = (name: string) => join(import.meta.dirname, name);
export const WHOLE_JOB_CLIENTS: readonly WholeJobClient[] = [
  ...["requests", "httpx", "aiohttp"].map((library) => ({
    name: library,
    probe: [PYTHON, "-c", `import ${library}`],
    command: [PYTHON, program("whole-job.py"), library],
  })),
  ...["fetch", "axios", "got"].map((library) => ({
    name: library,
    probe: [process.execPath, "--version"],
    command: [process.execPath, program("whole-job.mjs"), library],
  })),
  { name: "net/http", probe: ["go", "version"], command: ["go", "run", program("whole-job.go"), "net/http"] },
  { name: "curl", probe: ["curl", "--version"], command: ["bash", program("whole-job.sh"), "curl"] },
];

export function isInstalled({ probe: [file = "", ...args] }: Pick<Client, "probe">): boolean {
  try {
    execFileSync(file, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
