import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type FetchOverrides, fetchFrom, TEST_LIMITS } from "./testing/fetch-from.ts";
import { type LocalServer, localServer, serveFile, sha256, videoBytes } from "./testing/local-server.ts";

const VIDEO = videoBytes(20 * 1024 * 1024);
const WHOLE = { ok: true, value: { size: VIDEO.length, sha256: sha256(VIDEO) } };
const STRONG = { etag: '"1"' };

let dir = "";
let file = "";

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-streams-"));
  file = join(dir, "source");
});

afterEach(() => rm(dir, { recursive: true, force: true }));

const fetchVideo = (server: LocalServer, overrides: FetchOverrides = {}) =>
  fetchFrom(server, "/v.mp4", file, overrides);

function rangeOf({ headers }: Pick<IncomingMessage, "headers">): { from: number; to: number } | null {
  const range = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? "");
  return range && { from: Number(range[1]), to: range[2] ? Number(range[2]) + 1 : VIDEO.length };
}

/** Sends the start of the requested bytes, and returns a function that sends the rest. */
function begin(request: IncomingMessage, response: ServerResponse, headBytes: number): () => void {
  const range = rangeOf(request);
  const { from, to } = range ?? { from: 0, to: VIDEO.length };
  const where = range ? { "content-range": `bytes ${from}-${to - 1}/${VIDEO.length}` } : {};
  response.writeHead(range ? 206 : 200, { ...STRONG, "content-length": String(to - from), ...where });
  const middle = Math.min(to, from + headBytes);
  response.write(VIDEO.subarray(from, middle));
  return () => response.end(VIDEO.subarray(middle, to));
}

describe("a file of which the server serves ranges", () => {
  it("is downloaded in eight parallel streams, all of the first stream's version", async () => {
    const held: (() => void)[] = [];
    let first: ServerResponse | null = null;
    await using server = await localServer((request, response, count) => {
      first ??= response;
      if (count >= 8) return serveFile(request, response, VIDEO, STRONG);
      held.push(begin(request, response, 2000));
      // Nobody gets any further before all eight are there.
      if (held.length === 8) for (const send of held) send();
    });
    expect(await fetchVideo(server)).toMatchObject(WHOLE);
    expect(sha256(await readFile(file))).toBe(sha256(VIDEO));
    const eight = server.requests.slice(0, 8);
    expect(eight[0]?.headers.range).toBeUndefined();
    expect(eight.slice(1).map(({ headers }) => headers["if-range"])).toEqual(Array(7).fill('"1"'));
    const starts = eight.map((request) => rangeOf(request)?.from ?? 0).toSorted((a, b) => a - b);
    const gaps = starts.slice(1).map((start, i) => start - (starts[i] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThan(2_000_000);
    // The first one was for the whole file, and is given up where the next one's part begins.
    expect(first).toMatchObject({ writableFinished: false });
  });

  it("is downloaded in the allowed number of streams", async () => {
    await using server = await localServer((request, response) =>
      serveFile(request, response, VIDEO, STRONG),
    );
    expect(await fetchVideo(server, { limits: { connections: 1 } })).toMatchObject(WHOLE);
    expect(server.requests).toHaveLength(1);
  });

  it("is downloaded although each connection breaks repeatedly", async () => {
    await using server = await localServer((request, response, count) => {
      if (count < 24) begin(request, response, 400_000)();
      else return serveFile(request, response, VIDEO, STRONG);
      setImmediate(() => response.destroy());
    });
    expect(await fetchVideo(server, { limits: { maxTries: 50 } })).toMatchObject(WHOLE);
  });

  it("is rejected by its first bytes before more streams are opened", async () => {
    const text = Buffer.alloc(VIDEO.length, "text ");
    await using server = await localServer((request, response) => serveFile(request, response, text, STRONG));
    expect(await fetchVideo(server)).toMatchObject({ ok: false, error: { code: "source_not_a_video" } });
    expect(server.requests).toHaveLength(1);
  });
});

describe("a file comes in one stream", () => {
  it.each([
    ["when it has a weak ETag", { etag: 'W/"1"' }],
    ["when it has but a date", { "last-modified": "Mon, 01 Jan 2024 00:00:00 GMT" }],
    ["when it has nothing to tell its version by", {}],
    ["when the server says that it serves no ranges", { ...STRONG, "accept-ranges": "none" }],
    ["when it is small", { ...STRONG, small: "yes" }],
  ])("%s", async (_, headers) => {
    const bytes = "small" in headers ? VIDEO.subarray(0, 500_000) : VIDEO;
    await using server = await localServer((request, response) => {
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      serveFile(request, response, bytes);
    });
    expect(await fetchVideo(server)).toMatchObject({ ok: true, value: { sha256: sha256(bytes) } });
    expect(server.requests).toHaveLength(1);
  });

  it.each<[string, (request: IncomingMessage, response: ServerResponse) => void]>([
    [
      "when the server ignores ranges",
      (request, response) => serveFile(request, response, VIDEO, { ...STRONG, ranges: false }),
    ],
    ["when the server lets nobody in twice", (_, response) => void response.writeHead(429).end()],
    ["when the server forbids ranges", (_, response) => void response.writeHead(403).end()],
    [
      "when the range is another one",
      (_, response) =>
        void response.writeHead(206, { ...STRONG, "content-range": "bytes 5-9/10" }).end("12345"),
    ],
    [
      "when the range is of another version",
      (request, response) => serveFile(request, response, VIDEO, { etag: '"2"' }),
    ],
  ])("%s", async (_, answerToSecond) => {
    let finishFirst: (() => void) | null = null;
    await using server = await localServer((request, response, count) => {
      if (count === 0) {
        finishFirst = begin(request, response, 100_000);
        return;
      }
      // The rest of the first one comes when the second one has had its answer, and has been given up.
      response.on("close", () => {
        finishFirst?.();
        finishFirst = null;
      });
      answerToSecond(request, response);
    });
    expect(await fetchVideo(server)).toMatchObject(WHOLE);
    expect(server.requests.length).toBeLessThanOrEqual(3);
    expect(server.requests[1]?.headers.range).toBeDefined();
  });
});

describe("an agent that is killed", () => {
  /** Fetches in a separate process. */
  function fetchElsewhere(server: LocalServer) {
    const script = `
      import { fetchFrom } from ${JSON.stringify(new URL("./testing/fetch-from.ts", import.meta.url).href)};
      await fetchFrom(${JSON.stringify({ origin: server.origin, host: server.host })}, "/v.mp4", ${JSON.stringify(file)});
    `;
    return spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "inherit", "inherit"],
    });
  }

  it("resumes each stream where it stopped", async () => {
    const first = 1_000_000;
    let killed = false;
    await using server = await localServer((request, response) => {
      if (killed) serveFile(request, response, VIDEO, STRONG);
      else begin(request, response, first);
    });
    const child = fetchElsewhere(server);
    await vi.waitFor(
      async () => {
        const record = JSON.parse(await readFile(`${file}.part.json`, "utf8"));
        expect(record.spans).toHaveLength(TEST_LIMITS.connections);
      },
      { timeout: 60_000, interval: 20 },
    );
    child.kill("SIGKILL");
    await once(child, "exit");
    const there: { from: number; to: number }[] = JSON.parse(
      await readFile(`${file}.part.json`, "utf8"),
    ).spans;
    const before = server.requests.length;
    killed = true;

    expect(await fetchVideo(server)).toMatchObject(WHOLE);
    const asked = server.requests.slice(before).flatMap((request) => rangeOf(request) ?? []);
    expect(asked.length).toBe(server.requests.length - before);
    // Received bytes are not requested again, except by a stream that another one then overtook.
    for (const { from } of asked) {
      expect(there.some((span) => span.from <= from && from < span.to)).toBe(false);
    }
  });
});
