import { Agent, get, request } from "node:http";
import { connect } from "node:net";
import type { Splatt } from "splatt";
import { floodAsAgent, HOSTILE_FRAMES } from "../control-plane/hostile-agent.ts";
import type { JobInput } from "../door/job-input.ts";
import { HostileSources } from "./hostile-sources.ts";

const MIB = 1024 * 1024;
const SLOW_BYTES_PER_SEC = 20_000;
const HOSTILE_JOB_MS = 15_000;

type Headers = Readonly<Record<string, string>>;

/** What the attackers have in their hands: a valid key, an agent's token, a job and a video. */
export interface Target {
  readonly url: string;
  readonly apiKey: string;
  readonly client: Splatt;
  readonly jobId: string;
  readonly agentToken: string;
  readonly video: JobInput;
  /** The pool of an agent that takes jobs. */
  readonly pool: string;
}

/** One thing that a bad client does again and again until the signal aborts. */
export type Attack = (ending: AbortSignal) => Promise<unknown>;

/** Every way in which a client can be broken, slow or hostile, by name. */
export function attacksOn(target: Target): Readonly<Record<string, Attack>> {
  const { url, agentToken } = target;
  const agents = Object.entries(HOSTILE_FRAMES).map(([name, frame]): [string, Attack] => [
    `agent floods ${name}`,
    (ending) => floodAsAgent(url, agentToken, frame, ending),
  ]);
  return {
    ...framings(target),
    ...requests(target),
    ...Object.fromEntries(agents),
    "hostile videos": hostileVideos(target),
  };
}

/** Gives an agent one hostile source after the other; cancels a job that would hold it for long. */
function hostileVideos({ client, pool }: Target): Attack {
  let sources: HostileSources | null = null;
  return async () => {
    sources ??= await HostileSources.start();
    const { job_id } = await client.createJob({
      task_id: "abuse",
      video_url: sources.nextUrl(),
      filename: "v.mp4",
      pool,
    });
    const job = await client.wait(job_id, { signal: AbortSignal.timeout(HOSTILE_JOB_MS) }).catch(() => null);
    if (job === null) await client.cancelJob(job_id);
  };
}

/** Raw bytes that end, or leave open, a connection at every phase of a request. */
function framings({ url, apiKey }: Target): Record<string, Attack> {
  const head = `Host: splatt\r\nX-API-Key: ${apiKey}\r\n`;
  const health = `GET /health HTTP/1.1\r\n${head}`;
  const post = `POST /jobs HTTP/1.1\r\n${head}`;
  const chunked = `${post}Transfer-Encoding: chunked\r\n\r\n`;
  const bytes = {
    "nothing sent": "",
    "request line cut": "GET /health HT",
    "head without end": health,
    "pipelined requests": `${health}\r\n`.repeat(100),
    "two hosts": `${health}Host: other\r\n\r\n`,
    "headers for the runtime": `${health}MF-Original-URL: http://x/jobs\r\nMF-CF-Blob: x\r\n\r\n`,
    "huge header": `${health}X-A: ${"a".repeat(64_000)}\r\n\r\n`,
    CONNECT: "CONNECT evil:443 HTTP/1.1\r\nHost: evil\r\n\r\n",
    "OPTIONS *": "OPTIONS * HTTP/1.1\r\nHost: splatt\r\n\r\n",
    "body cut": `${post}Content-Length: 1000000\r\n\r\n${"x".repeat(1000)}`,
    "bad chunk size": `${chunked}zz\r\n`,
    "huge chunk extension": `${chunked}5;${"e".repeat(20_000)}\r\nhello\r\n0\r\n\r\n`,
    "many trailers": `${chunked}0\r\n${"T: t\r\n".repeat(3000)}\r\n`,
    "tiny chunks": `${chunked}${"1\r\nx\r\n".repeat(20_000)}`,
    "expects continue": `${post}Expect: 100-continue\r\nContent-Length: 100\r\n\r\n`,
    "upgrade without key": `GET /agent HTTP/1.1\r\n${head}Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n`,
    "TLS hello": "\u0016\u0003\u0001\u0002\u0000\u0001\u0000",
  };
  return Object.fromEntries(
    Object.entries(bytes).map(([name, sent], index) => [name, () => exchange(url, sent, 100 + 10 * index)]),
  );
}

/** Requests that are valid each, and are sent without end, or are left. */
function requests({ url, apiKey, client, jobId, agentToken, video }: Target): Record<string, Attack> {
  const http = new Agent({ keepAlive: true });
  const ask = (method: string, path: string, headers: Headers, body?: string | Buffer) =>
    new Promise<void>((resolve, reject) => {
      const sent = request(new URL(path, url), { method, headers, agent: http }, (answer) => {
        answer.on("error", reject).resume().once("close", resolve);
      });
      sent.on("error", reject).end(body);
    });
  const key = { "x-api-key": apiKey };
  const many = Array.from({ length: 200 }, (_, index) => `${index * 1000}-${index * 1000 + 1}`).join();
  const fence = {
    authorization: `Bearer ${agentToken}`,
    "x-job-attempt": "1",
    "x-lease-id": crypto.randomUUID(),
  };
  let upload: string | null = null;
  let tus: string | null = null;
  return {
    "lists of jobs": () => ask("GET", "/jobs?limit=100", key),
    "the front page": () => ask("GET", "/", {}),
    "the documentation": () => ask("GET", "/docs", {}),
    "wrong keys": () => ask("GET", "/jobs", { "x-api-key": "wrong" }),
    "huge jobs": () => ask("POST", "/jobs", key, `{"task_id": "${"x".repeat(500_000)}"}`),
    preconditions: () =>
      ask("GET", `/jobs/${jobId}/status`, { ...key, "if-none-match": '"x"', "if-match": '"y"' }),
    "foreign input": () => ask("GET", `/agent/jobs/${jobId}/input`, fence),
    "foreign uploads": () => ask("POST", `/agent/jobs/${jobId}/uploads`, fence, "{}"),
    "many ranges": () => ask("GET", video.url, { ...video.headers, range: `bytes=${many}` }),
    "one byte": () => ask("GET", video.url, { ...video.headers, range: "bytes=0-0" }),
    HEAD: () => ask("HEAD", video.url, { ...video.headers, range: "bytes=0-" }),
    downloads: () => ask("GET", video.url, video.headers),
    "slow reader for 5 s": () => readSlowly(video, 5000),
    "slow reader for 60 s": () => readSlowly(video, 60_000),
    "connections that wait": () => Promise.all(Array.from({ length: 100 }, () => exchange(url, "", 8000))),
    "tus cut": async () => {
      const headers = { ...key, "tus-resumable": "1.0.0", "upload-length": "1000000" };
      tus ??= (await fetch(new URL("/uploads/tus", url), { method: "POST", headers })).headers.get(
        "location",
      );
      const { pathname } = new URL(tus ?? "", url);
      const head = `PATCH ${pathname} HTTP/1.1\r\nHost: splatt\r\nX-API-Key: ${apiKey}\r\nTus-Resumable: 1.0.0\r\n`;
      const rest =
        "Upload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: 1000000\r\n";
      await exchange(url, `${head}${rest}\r\n${"x".repeat(500_000)}`, 300);
    },
    "part cut": async () => {
      upload ??= (await client.createUpload({ filename: "v.mp4", size: 32 * MIB })).upload_id;
      const head = `PUT /uploads/${upload}/parts/1 HTTP/1.1\r\nHost: splatt\r\nX-API-Key: ${apiKey}\r\n`;
      await exchange(url, `${head}Content-Length: ${32 * MIB}\r\n\r\n${"x".repeat(2_000_000)}`, 300);
    },
  };
}

/** Sends bytes, and resets the connection after some time unless the server closes it first. */
function exchange(url: string, bytes: string, ms: number): Promise<void> {
  const { hostname, port } = new URL(url);
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

function readSlowly({ url, headers }: JobInput, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const reader = get(url, { headers, agent: false }, (answer) => {
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
