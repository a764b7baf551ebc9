import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { request as httpRequest, type OutgoingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { contractViolation } from "../src/testing/contract-check.ts";
import { completeJob } from "./front-door/testing.ts";
import { type EmbeddedControlPlane, startControlPlane } from "./index.ts";

/** How clients of the seed's server write their requests, and how hostile ones do, on each of its endpoints. */

const KEY = "key-of-the-seed-clients";
const RESULT_BYTES = 1000;
const JOB = { task_id: "t", filebin_url: "https://filebin.net/abc/video.mp4", filename: "video.mp4" };

let dataDir: string;
let controlPlane: EmbeddedControlPlane;
let completed: string;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "splatt-seed-"));
  controlPlane = await startControlPlane({ dataDir, port: 0, apiKey: KEY, onLog: () => undefined });
  completed = await newJob();
  await completeJob(dataDir, completed, await storedObject(), RESULT_BYTES);
}, 60_000);
afterAll(async () => {
  await controlPlane.stop();
  await rm(dataDir, { recursive: true, force: true });
});

/** @returns the key of an object in the store */
async function storedObject(): Promise<string> {
  const call = async (method: string, path: string, body: string | Uint8Array<ArrayBuffer>) => {
    const answer = await fetch(controlPlane.url + path, { method, headers: { "x-api-key": KEY }, body });
    return (await answer.json()) as { upload_id: string };
  };
  const video = JSON.stringify({ filename: "v.mp4", size: RESULT_BYTES });
  const { upload_id } = await call("POST", "/uploads", video);
  await call("PUT", `/uploads/${upload_id}/parts/1`, new Uint8Array(RESULT_BYTES));
  await call("POST", `/uploads/${upload_id}/complete`, "");
  return `uploads/${upload_id}/source`;
}

interface Sent {
  readonly headers?: OutgoingHttpHeaders;
  /** Sent in chunks, without Content-Length. */
  readonly body?: string;
  readonly withoutKey?: true;
}
interface Reply {
  readonly status: number;
  readonly body: string;
}

/** Sends a path as it is written, unlike `fetch`. Every answer must be one that the contract describes. */
async function send(
  method: string,
  path: string,
  { headers = {}, body, withoutKey }: Sent = {},
): Promise<Reply> {
  const { hostname, port } = new URL(controlPlane.url);
  const key = withoutKey === true ? {} : { "x-api-key": KEY };
  const sent = httpRequest({ hostname, port, method, path, headers: { ...key, ...headers } });
  if (body !== undefined) sent.setHeader("transfer-encoding", "chunked");
  sent.end(body);
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  sent.once("error", reject);
  sent.once("response", async (response) => {
    const reply = { status: response.statusCode ?? 0, body: await text(response) };
    const received = new Headers(
      Object.entries(response.headers).map(([name, value]): [string, string] => [name, String(value)]),
    );
    const isJson = /\bjson\b/.test(received.get("content-type") ?? "");
    const pathname = path.split("?", 1)[0] ?? "";
    const violation = contractViolation(method, pathname, {
      status: reply.status,
      headers: received,
      body: isJson ? reply.body : null,
    });
    if (violation !== null) reject(new Error(violation));
    else resolve(reply);
  });
  return promise;
}

async function newJob(): Promise<string> {
  const { status, body } = await send("POST", "/jobs", { body: JSON.stringify(JOB) });
  if (status !== 200) throw new Error(body);
  return (JSON.parse(body) as { job_id: string }).job_id;
}

async function cancelledJob(): Promise<string> {
  const id = await newJob();
  await send("POST", `/jobs/${id}/cancel`);
  return id;
}

interface SeedRequest {
  readonly method: string;
  readonly path: string;
  readonly body?: string;
}

/** A request to each endpoint of the seed that is answered with 200. */
const ENDPOINTS: readonly (readonly [string, () => Promise<SeedRequest>])[] = [
  ["GET /health", async () => ({ method: "GET", path: "/health" })],
  ["POST /jobs", async () => ({ method: "POST", path: "/jobs", body: JSON.stringify(JOB) })],
  ["GET /jobs", async () => ({ method: "GET", path: "/jobs" })],
  ["GET /jobs/{id}/status", async () => ({ method: "GET", path: `/jobs/${completed}/status` })],
  ["GET /jobs/{id}/results/{filename}", async () => ({ method: "HEAD", path: resultPath() })],
  ["DELETE /jobs/{id}", async () => ({ method: "DELETE", path: `/jobs/${await cancelledJob()}` })],
];
const resultPath = () => `/jobs/${completed}/results/baked_splat.ply`;

describe.each(ENDPOINTS)("%s", (name, make) => {
  it("takes a trailing slash", async () => {
    const { method, path, body } = await make();
    expect((await send(method, `${path}/`, body === undefined ? {} : { body })).status).toBe(200);
  });

  it.skipIf(!name.includes("{id}"))("takes an id in capitals", async () => {
    const { method, path } = await make();
    const shouted = path.replace(/[0-9a-f-]{36}/, (id) => id.toUpperCase());
    expect(shouted).not.toBe(path);
    expect((await send(method, shouted)).status).toBe(200);
  });

  it("takes parameters that it does not know, repeated too", async () => {
    const { method, path, body } = await make();
    const query = "?x=1&x=2&download=0&download=1&%20=&=&&";
    expect((await send(method, path + query, body === undefined ? {} : { body })).status).toBe(200);
  });

  it("takes a chunked body, which is ignored where there is none to take", async () => {
    const { method, path, body } = await make();
    expect((await send(method, path, { body: body ?? "anything" })).status).toBe(200);
  });

  it.each(["application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "text/plain", "nonsense"])(
    "is not led astray by the content type %s",
    async (type) => {
      const { method, path, body } = await make();
      const reply = await send(method, path, { headers: { "content-type": type }, body: body ?? "a=b" });
      expect(reply.status).toBe(200);
    },
  );
});

describe("GET /jobs with a repeated parameter", () => {
  it.each([
    ["status=queued&status=completed", ["queued", "completed"]],
    ["status=&status=completed", ["completed"]],
  ])("%s takes all statuses", async (query, statuses) => {
    await newJob();
    const { jobs } = JSON.parse((await send("GET", `/jobs?${query}`)).body) as { jobs: { status: string }[] };
    expect(new Set(jobs.map(({ status }) => status))).toEqual(new Set(statuses));
  });

  it("takes the last of what can be only one", async () => {
    const { body } = await send("GET", "/jobs?limit=5&limit=1");
    expect((JSON.parse(body) as { jobs: unknown[] }).jobs).toHaveLength(1);
  });
});

describe("a form instead of JSON", () => {
  const FORM = new URLSearchParams(JOB).toString();
  const MULTIPART = Object.entries(JOB)
    .map(([name, value]) => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`)
    .join("");

  it.each([
    ["curl's -d a=b", "application/x-www-form-urlencoded", FORM],
    ["a form with a charset", "application/x-www-form-urlencoded; charset=utf-8", FORM],
    ["a form of one field", "application/x-www-form-urlencoded", "task_id=t"],
    ["a form without a content type", undefined, FORM],
    ["a form that says JSON", "application/json", FORM],
    ["a multipart form", "multipart/form-data; boundary=b", `${MULTIPART}--b--\r\n`],
    ["an empty multipart form", "multipart/form-data; boundary=b", "--b--\r\n"],
  ])("%s is named", async (_, type, body) => {
    const reply = await send("POST", "/jobs", { headers: type ? { "content-type": type } : {}, body });
    expect(reply.status).toBe(422);
    expect(reply.body).toContain("The body is form-encoded; send a JSON object");
  });
});

describe("a hostile client", () => {
  const LONG = "x".repeat(5000);
  const IDS = [
    "0",
    "-1",
    "null",
    "%27%20OR%201%3D1--",
    "%ff",
    "%F0%9F%92%A9",
    "%",
    "%u0000",
    "%00",
    "..%2f..%2fetc",
  ];
  const PATHS = (id: string): readonly (readonly [string, string])[] => [
    ["GET", `/jobs/${id}/status`],
    ["GET", `/jobs/${id}/results/baked_splat.ply`],
    ["GET", `/jobs/${completed}/results/${id}`],
    ["DELETE", `/jobs/${id}`],
  ];

  it.each([...IDS, LONG, randomUUID(), "__proto__", "constructor", ";", "*", "{id}"])(
    "finds nothing at %s",
    async (id) => {
      for (const [method, path] of PATHS(id)) {
        const { status } = await send(method, path);
        expect([path, Math.floor(status / 100)]).toEqual([path, 4]);
      }
    },
  );

  it.each([
    ...["limit=-1", "limit=1001", "limit=1e999", "limit=NaN", "limit=0x", "limit=1.5", "limit=true"],
    ...[
      "cursor=-1",
      "cursor=a",
      "cursor=99999999999999999999999",
      "status=nothing",
      "status=%00",
      "status=%ff",
    ],
    ...[
      "pool=%F0%9F%92%A9",
      "label=a",
      "label==",
      "created_after=yesterday",
      "created_before=-1",
      "task_id=%00",
    ],
    ...[`task_id=${LONG}`, `${"status=queued&".repeat(200)}`, `${"label=a=b&".repeat(200)}`],
  ])("is refused the list with %s", async (query) => {
    expect((await send("GET", `/jobs?${query}`)).status).toBe(422);
  });

  it.each([
    ...[
      '""',
      "1",
      "null",
      "[]",
      "true",
      "{",
      "{}",
      '{"task_id":null}',
      `"${LONG}"`,
      "\u0000",
      "{'task_id':1}",
    ],
    ...["NaN", '{"task_id":"t","task_id":{}}', `${"[".repeat(20_000)}`, `${'{"a":'.repeat(20_000)}`],
    ...Object.entries({
      task_id: [1, {}, [], "", "a\u0000"],
      filebin_url: [
        1,
        "",
        "ftp://a/b",
        "javascript:1",
        "https://127.0.0.1/v.mp4",
        "http://a@b/c",
        [JOB.filebin_url],
      ],
      filename: ["../x", "a\u0000", "", 1, ".", "x".repeat(256)],
      iterations: [0, -1, 1e9, "many", null, [], 1e308, true],
      fps: [0, -4, 1e9, "fast", null],
      start_sec: [-1, "a", null],
      end_sec: [0, -1, "a", []],
    }).flatMap(([field, values]) => values.map((value) => JSON.stringify({ ...JOB, [field]: value }))),
  ])("cannot create a job from %s", async (body) => {
    expect((await send("POST", "/jobs", { body })).status).toBe(422);
  });

  it.each<[string, OutgoingHttpHeaders]>([
    ["a range of letters", { range: "bytes=a-b" }],
    ["a range backwards", { range: "bytes=5-1" }],
    ["a range beyond the end", { range: `bytes=${RESULT_BYTES}-` }],
    ["a huge range", { range: `bytes=${"9".repeat(400)}-` }],
    ["a thousand ranges", { range: `bytes=${"0-0,".repeat(1000)}0-0` }],
    ["another unit", { range: "lines=1-2" }],
    ["dates of nonsense", { "if-modified-since": "soon", "if-unmodified-since": "never", "if-range": "?" }],
    ["entity tags of nonsense", { "if-none-match": '"', "if-match": "*,*,," }],
    ["a content length beside it", { "content-length": "0", "if-range": '"x"', range: "bytes=0-0" }],
  ])("gets no 5xx for a file with %s", async (_, headers) => {
    expect((await send("HEAD", resultPath(), { headers })).status).toBeLessThan(500);
  });

  it.each(["PUT", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "REPORT"])("is refused %s", async (method) => {
    for (const path of [
      "/health",
      "/jobs",
      `/jobs/${completed}/status`,
      resultPath(),
      `/jobs/${completed}`,
    ]) {
      expect([path, (await send(method, path)).status]).toEqual([path, 405]);
    }
  });

  it.each([{}, { "x-api-key": "" }, { "x-api-key": "wrong" }, { authorization: "Bearer" }])(
    "learns nothing without a key: %o",
    async (headers) => {
      for (const [method, path] of [...PATHS(completed), ["GET", "/jobs"], ["POST", "/jobs"]] as const) {
        const reply = await send(method, path, { headers, withoutKey: true });
        expect([path, reply.status]).toEqual([path, 401]);
      }
    },
  );
});
