import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { FetchProgress } from "./fetch-file.ts";
import { type FetchOverrides, fetchFrom as fetchFileFrom, TEST_LIMITS } from "./testing/fetch-from.ts";
import {
  type LocalServer,
  localServer,
  type ServedFile,
  serveFile,
  sha256,
  videoBytes,
} from "./testing/local-server.ts";

const VIDEO = videoBytes(300_000);
let dir = "";
let file = "";

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-fetch-"));
  file = join(dir, "source");
});

afterEach(() => rm(dir, { recursive: true, force: true }));

/** Fetches a path of `server` to `file`. */
function fetchFrom(server: LocalServer, path = "/v.mp4", overrides: FetchOverrides = {}) {
  return fetchFileFrom(server, path, file, overrides);
}

/** Breaks the connection once the client has stored this many bytes of the response. */
function breakAfter(bytes: number): ServedFile {
  return { breakAfter: bytes, part: `${file}.part` };
}

function failed(code: string, detail?: string) {
  return {
    ok: false,
    error: { code, detail: detail === undefined ? expect.any(String) : expect.stringContaining(detail) },
  };
}

const S3_ERROR =
  '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>';

describe("a whole file", () => {
  it("is written and hashed, and its temporary files are removed", async () => {
    await using server = await localServer((request, response) =>
      serveFile(request, response, VIDEO, { etag: '"1"' }),
    );
    const seen: FetchProgress[] = [];
    const result = await fetchFrom(server, "/v.mp4", { onProgress: (progress) => seen.push(progress) });
    expect(result).toEqual({ ok: true, value: { size: VIDEO.length, sha256: sha256(VIDEO) } });
    expect(sha256(await readFile(file))).toBe(sha256(VIDEO));
    expect(await readdir(dir)).toEqual(["source"]);
    expect(seen.at(-1)).toMatchObject({ received: VIDEO.length, total: VIDEO.length });
    expect(server.requests[0]?.headers).toMatchObject({ "accept-encoding": "identity" });
  });

  it("may have no Content-Length", async () => {
    await using server = await localServer((_, response) => {
      response.writeHead(200);
      response.write(VIDEO.subarray(0, 1000));
      response.end(VIDEO.subarray(1000));
    });
    expect(await fetchFrom(server)).toMatchObject({ ok: true, value: { size: VIDEO.length } });
  });
});

it("an archive is accepted: it may hold photos", async () => {
  await using server = await localServer((_, response) => void response.end("PK\u0003\u0004\u0000\u0000"));
  expect(await fetchFrom(server)).toMatchObject({ ok: true, value: { size: 6 } });
});

describe("what is not a video", () => {
  it.each([
    ["a web page", "text/html", "<!DOCTYPE html><html>sign in</html>"],
    ["a web page that claims to be a video", "video/mp4", "\n\n<html><head></head></html>"],
    ["an HLS playlist", "video/mp4", "#EXTM3U\n#EXT-X-VERSION:3\nfile:///etc/passwd\n"],
    ["a concat list", "video/mp4", "ffconcat version 1.0\nfile /etc/passwd\n"],
    ["a DASH manifest", "video/mp4", '<?xml version="1.0"?><MPD></MPD>'],
    ["JSON", "application/json", '{"error":"quota"}'],
    ["a document", "application/pdf", "%PDF-1.7\n"],
    ["nothing", "video/mp4", ""],
  ])("%s is rejected", async (_, contentType, body) => {
    await using server = await localServer((_request, response) => {
      response.writeHead(200, { "content-type": contentType }).end(body);
    });
    expect(await fetchFrom(server)).toMatchObject(failed("source_not_a_video"));
    expect(server.requests).toHaveLength(1);
  });

  it("a page that is served again with the cookie is rejected", async () => {
    await using server = await localServer((_, response, count) => {
      response
        .writeHead(200, { "content-type": "text/html", "set-cookie": `n=${count}` })
        .end("<html></html>");
    });
    expect(await fetchFrom(server)).toMatchObject(failed("source_not_a_video", "web page"));
    expect(server.requests).toHaveLength(2);
  });

  it.each([
    ["version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345678\n", "a Git LFS pointer"],
    [S3_ERROR, "an error message (AccessDenied: Request has expired)"],
  ])("a text in its place is named: %j", async (text, words) => {
    await using server = await localServer((_, response) => void response.end(text));
    expect(await fetchFrom(server)).toMatchObject(failed("source_not_a_video", words));
  });

  it("a large file is rejected after its first bytes", async () => {
    await using server = await localServer((_, response) => {
      response.writeHead(200, { "content-type": "text/plain", "content-length": "5000000" });
      response.write("text ".repeat(1000));
    });
    expect(await fetchFrom(server)).toMatchObject(failed("source_not_a_video", "a text"));
  });
});

describe("a server whose refusals are retried", () => {
  const isTransient = () => true;

  it.each([
    ["what is not a video", {}, "source_not_a_video"],
    ["what is too large", { limits: { maxBytes: 10 } }, "source_too_large"],
    ["what the disk has no room for", { limits: { minFreeBytes: 1e18 } }, "disk_full"],
  ])("%s is not retried", async (_, overrides, code) => {
    await using server = await localServer((_request, response) => void response.end("a text ".repeat(1000)));
    expect(await fetchFrom(server, "/v.mp4", { isTransient, ...overrides })).toMatchObject(failed(code));
    expect(server.requests).toHaveLength(1);
  });

  it("may serve anything when the caller checks the content", async () => {
    await using server = await localServer((_request, response) => void response.end("a text"));
    expect(await fetchFrom(server, "/v.mp4", { isTransient, onlyVideo: false })).toMatchObject({ ok: true });
  });
});

describe("a broken download", () => {
  it("restarts when the server identifies no version", async () => {
    await using server = await localServer((request, response, count) => {
      serveFile(request, response, VIDEO, count === 0 ? breakAfter(100_000) : {});
    });
    expect(await fetchFrom(server)).toMatchObject({ ok: true, value: { sha256: sha256(VIDEO) } });
    expect(server.requests[1]?.headers.range).toBeUndefined();
  });

  it("restarts when the file has changed, by If-Range", async () => {
    const other = Buffer.concat([VIDEO.subarray(0, 50), videoBytes(200_000)]);
    await using server = await localServer((request, response, count) => {
      if (count === 0) serveFile(request, response, VIDEO, { etag: '"1"', ...breakAfter(100_000) });
      else serveFile(request, response, other, { etag: '"2"' });
    });
    expect(await fetchFrom(server)).toMatchObject({ ok: true, value: { sha256: sha256(other) } });
    expect(sha256(await readFile(file))).toBe(sha256(other));
  });

  it("restarts when the server resumes with another version", async () => {
    const other = videoBytes(250_000).reverse();
    Buffer.from("....ftyp").copy(other);
    await using server = await localServer((request, response, count) => {
      if (count === 0) serveFile(request, response, VIDEO, { etag: 'W/"1"', ...breakAfter(100_000) });
      else serveFile(request, response, other, { etag: 'W/"2"' });
    });
    expect(await fetchFrom(server)).toMatchObject({ ok: true, value: { sha256: sha256(other) } });
    expect(server.requests[1]?.headers["if-range"]).toBeUndefined();
  });

  it.each<[string, (sent: Buffer) => Record<string, string | number>]>([
    ["all of the file, with its length", ({ length }) => ({ "content-length": length })],
    ["all of the file, without a length", () => ({})],
    ["several parts in one", () => ({ "content-type": "multipart/byteranges; boundary=x" })],
    ["another part", () => ({ "content-range": `bytes 5-${VIDEO.length - 1}/${VIDEO.length}` })],
  ])("restarts when the server calls the missing part what is %s", async (_, headers) => {
    await using server = await localServer((request, response, count) => {
      const { range } = request.headers;
      if (range === undefined) {
        return serveFile(request, response, VIDEO, { etag: '"1"', ...(count === 0 && breakAfter(100_000)) });
      }
      const part = `${range.replace("=", " ")}${VIDEO.length - 1}/${VIDEO.length}`;
      response.writeHead(206, { etag: '"1"', "content-range": part, ...headers(VIDEO) }).end(VIDEO);
    });
    expect(await fetchFrom(server)).toMatchObject({ ok: true, value: { sha256: sha256(VIDEO) } });
    expect(server.requests.map(({ headers }) => headers.range)).toEqual([
      undefined,
      expect.stringMatching(/^bytes=\d+-$/),
      undefined,
    ]);
  });

  it("restarts on 416", async () => {
    await using server = await localServer((request, response, count) => {
      if (count === 1) response.writeHead(416).end();
      else
        serveFile(
          request,
          response,
          VIDEO,
          count === 0 ? { etag: '"1"', ...breakAfter(100_000) } : { etag: '"1"' },
        );
    });
    expect(await fetchFrom(server)).toMatchObject({ ok: true, value: { sha256: sha256(VIDEO) } });
    expect(server.requests[2]?.headers.range).toBeUndefined();
  });

  it.each([
    ["and can be resumed", { etag: '"1"' }],
    ["and cannot be resumed", {}],
  ])("says that a link may have expired that broke off %s", async (_, headers) => {
    await using server = await localServer((request, response, count) => {
      if (count === 0) serveFile(request, response, VIDEO, { ...headers, ...breakAfter(100_000) });
      else response.writeHead(403).end(S3_ERROR);
    });
    expect(await fetchFrom(server)).toEqual({
      ok: false,
      error: expect.objectContaining({
        code: "source_denied",
        detail:
          "It answered 403 (AccessDenied: Request has expired). " +
          "It sent a part of the file before: the link may have expired.",
      }),
    });
  });

  it("accepts the whole file from a server without ranges", async () => {
    await using server = await localServer((request, response, count) => {
      serveFile(request, response, VIDEO, {
        etag: '"1"',
        ranges: false,
        ...(count === 0 ? breakAfter(9000) : {}),
      });
    });
    expect(await fetchFrom(server)).toMatchObject({ ok: true, value: { sha256: sha256(VIDEO) } });
  });

  it("fails when retries make no progress", async () => {
    await using server = await localServer((request, response) => {
      serveFile(request, response, VIDEO, { etag: '"1"', ...breakAfter(10) });
    });
    expect(await fetchFrom(server)).toMatchObject(failed("source_unreachable", "broke"));
    expect(server.requests).toHaveLength(TEST_LIMITS.maxTries);
  });
});

describe("after a restart", () => {
  /** Stops once part of the file has arrived. */
  async function interrupt(server: LocalServer): Promise<void> {
    const stop = new AbortController();
    const result = await fetchFrom(server, "/v.mp4", { signal: stop.signal, onProgress: () => stop.abort() });
    expect(result).toEqual(failed("agent_stopped", ""));
    expect((await readdir(dir)).toSorted()).toEqual(["source.part", "source.part.json"]);
  }

  it("resumes where it stopped", async () => {
    await using server = await localServer((request, response, count) => {
      serveFile(request, response, VIDEO, {
        lastModified: "Mon, 01 Jan 2024 00:00:00 GMT",
        ...(count === 0 ? { silentAfter: 70_000 } : {}),
      });
    });
    await interrupt(server);
    const there = (await readFile(`${file}.part`)).length;
    expect(there).toBeGreaterThan(0);
    expect(await fetchFrom(server)).toMatchObject({ ok: true, value: { sha256: sha256(VIDEO) } });
    expect(server.requests[1]?.headers).toMatchObject({
      range: `bytes=${there}-`,
      "if-range": "Mon, 01 Jan 2024 00:00:00 GMT",
    });
  });

  it("does not resume the part of another URL", async () => {
    await using server = await localServer((request, response, count) => {
      serveFile(request, response, VIDEO, { etag: '"1"', ...(count === 0 ? { silentAfter: 70_000 } : {}) });
    });
    await interrupt(server);
    expect(await fetchFrom(server, "/other.mp4")).toMatchObject({
      ok: true,
      value: { sha256: sha256(VIDEO) },
    });
    expect(server.requests[1]?.headers.range).toBeUndefined();
  });

  it("sends no request when the file is complete", async () => {
    await using server = await localServer((request, response) => {
      serveFile(request, response, VIDEO, { etag: '"1"' });
    });
    const stop = new AbortController();
    await fetchFrom(server, "/v.mp4", {
      signal: stop.signal,
      onProgress: ({ received }) => received === VIDEO.length && stop.abort(),
    });
    expect(await fetchFrom(server)).toMatchObject({ ok: true, value: { sha256: sha256(VIDEO) } });
    expect(server.requests).toHaveLength(1);
  });
});

describe("limits", () => {
  it("rejects a file by the size that the server declares", async () => {
    await using server = await localServer((_, response) => {
      response.writeHead(200, { "content-length": "300000" });
      response.write(VIDEO.subarray(0, 10));
    });
    expect(await fetchFrom(server, "/", { limits: { maxBytes: 299_999 } })).toMatchObject(
      failed("source_too_large"),
    );
  });

  it("rejects a file by its actual size", async () => {
    await using server = await localServer((_, response) => {
      response.writeHead(200);
      response.write(VIDEO);
    });
    expect(await fetchFrom(server, "/", { limits: { maxBytes: 200_000 } })).toMatchObject(
      failed("source_too_large"),
    );
  });

  it("checks the free disk space before it starts", async () => {
    await using server = await localServer((request, response) => serveFile(request, response, VIDEO));
    const result = await fetchFrom(server, "/", { limits: { minFreeBytes: 2 ** 60 } });
    expect(result).toMatchObject(failed("disk_full"));
  });

  it.skipIf(!existsSync("/dev/full"))("names a disk that fills up", async () => {
    await symlink("/dev/full", `${file}.part`);
    await using server = await localServer((request, response) => serveFile(request, response, VIDEO));
    expect(await fetchFrom(server)).toMatchObject(failed("disk_full"));
  });

  it.each([
    ["falls silent in the middle", { silentAfter: 100 }],
    ["falls silent immediately", { silentAfter: 0 }],
  ])("gives up on a server that %s", async (_, how) => {
    await using server = await localServer((request, response) => {
      serveFile(request, response, VIDEO, { etag: '"1"', ...how });
    });
    const result = await fetchFrom(server, "/", { limits: { stallMs: 60, maxTries: 2 } });
    expect(result).toMatchObject(failed("source_stalled"));
  });

  it("gives up on a server that never answers", async () => {
    await using server = await localServer(() => undefined);
    const result = await fetchFrom(server, "/", { limits: { stallMs: 60, maxTries: 1 } });
    expect(result).toMatchObject(failed("source_stalled"));
  });

  it("gives up on a server that trickles", async () => {
    await using server = await localServer((_, response) => {
      response.writeHead(200, { etag: '"1"' });
      let at = 0;
      const timer = setInterval(() => response.write(VIDEO.subarray(at, ++at)), 5);
      response.on("close", () => clearInterval(timer));
    });
    const result = await fetchFrom(server, "/", { limits: { stallMs: 100, maxTries: 1 } });
    expect(result).toMatchObject(failed("source_stalled"));
  });

  it.each<[string, (from: number) => { range: string; body: Buffer }]>([
    ["answers with nothing", (from) => ({ range: `${from}-${from - 1}/*`, body: Buffer.alloc(0) })],
    [
      "answers with one byte at a time",
      (from) => ({ range: `${from}-${from}/${VIDEO.length}`, body: VIDEO.subarray(from, from + 1) }),
    ],
    [
      "always answers with the beginning",
      () => ({ range: `0-99999/${VIDEO.length}`, body: VIDEO.subarray(0, 100_000) }),
    ],
  ])("gives up on a server that %s", async (_, part) => {
    await using server = await localServer((request, response) => {
      const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "bytes=0-")?.[1]);
      const { range, body } = part(from);
      const headers = { "content-range": `bytes ${range}`, "content-length": body.length, etag: '"1"' };
      response.writeHead(206, headers).end(body);
    });
    expect(await fetchFrom(server)).toMatchObject({ ok: false });
    expect(server.requests.length).toBeLessThan(12);
  });

  it("rejects an oversized file before checking the disk", async () => {
    await using server = await localServer((_, response) => {
      response.writeHead(200, { "content-length": String(1e15) }).write(VIDEO.subarray(0, 1000));
    });
    expect(await fetchFrom(server)).toMatchObject(failed("source_too_large"));
  });

  it("stops immediately when it is aborted", async () => {
    const stop = new AbortController();
    await using server = await localServer(() => stop.abort());
    expect(await fetchFrom(server, "/", { signal: stop.signal })).toEqual(failed("agent_stopped", ""));
    expect(await fetchFrom(server, "/", { signal: stop.signal })).toEqual(failed("agent_stopped", ""));
    expect(server.requests).toHaveLength(1);
  });
});
