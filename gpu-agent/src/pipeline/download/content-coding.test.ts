import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { contentCodings } from "./content-coding.ts";
import { type FetchOverrides, fetchFrom } from "./testing/fetch-from.ts";
import { type LocalServer, localServer, serveFile, sha256, videoBytes } from "./testing/local-server.ts";

const VIDEO = videoBytes(300_000);
const WHOLE = { ok: true, value: { size: VIDEO.length, sha256: sha256(VIDEO) } };

let dir = "";
let file = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-coding-"));
  file = join(dir, "source");
});
afterEach(() => rm(dir, { recursive: true, force: true }));

function serve(encoding: string | string[], body: Buffer, headers: Record<string, string> = {}) {
  return localServer((_, response) => {
    response.setHeader("content-encoding", encoding).setHeader("content-length", body.length);
    response.writeHead(200, headers).end(body);
  });
}

function fetch(server: LocalServer, overrides: FetchOverrides = {}) {
  return fetchFrom(server, "/v.mp4", file, overrides);
}

describe("a body whose Content-Encoding is", () => {
  it.each<[string | string[], Buffer]>([
    ["identity", VIDEO],
    ["none", VIDEO],
    ["binary", VIDEO],
    ["utf-8", VIDEO],
    ["UTF-8", VIDEO],
    ["aws-chunked", VIDEO],
    ["8bit", VIDEO],
    ["base64url?", VIDEO],
    [",", VIDEO],
    ["gzip", gzipSync(VIDEO)],
    ["x-gzip", gzipSync(VIDEO)],
    ["GZIP", gzipSync(VIDEO)],
    ["gzip", Buffer.concat([gzipSync(VIDEO.subarray(0, 1000)), gzipSync(VIDEO.subarray(1000))])],
    ["deflate", deflateSync(VIDEO)],
    ["deflate", deflateRawSync(VIDEO)],
    ["br", brotliCompressSync(VIDEO)],
    ["zstd", zstdCompressSync(VIDEO)],
    ["aws-chunked,gzip", gzipSync(VIDEO)],
    ["gzip, aws-chunked", gzipSync(VIDEO)],
    ["br, gzip", gzipSync(brotliCompressSync(VIDEO))],
    [["br", "gzip"], gzipSync(brotliCompressSync(VIDEO))],
    ["gzip, gzip", gzipSync(gzipSync(VIDEO))],
    // Headers that are not true.
    ["gzip", VIDEO],
    ["deflate", VIDEO],
    ["br", VIDEO],
    ["zstd", VIDEO],
    ["gzip, gzip", gzipSync(VIDEO)],
  ])("%j is read as browsers read it", async (encoding, body) => {
    await using server = await serve(encoding, body, { etag: '"1"', "accept-ranges": "bytes" });
    expect(await fetch(server)).toEqual(WHOLE);
    expect(sha256(await readFile(file))).toBe(sha256(VIDEO));
    // Ranges would be those of the compressed bytes.
    expect(server.requests.map(({ headers }) => headers.range)).toEqual([undefined]);
  });

  it.each(["gzip", "deflate"])("%s, but damaged, blames the server", async (encoding) => {
    const body = encoding === "gzip" ? gzipSync(VIDEO) : deflateSync(VIDEO);
    body.fill(0x55, 2000, 4000);
    await using server = await serve(encoding, body);
    expect(await fetch(server)).toMatchObject({ ok: false, error: { code: "source_server_error" } });
    expect(server.requests).toHaveLength(3);
  });

  it("gzip, but truncated, is requested again from the start", async () => {
    const body = gzipSync(VIDEO);
    await using server = await localServer((_, response, count) => {
      response.writeHead(200, { "content-encoding": "gzip", etag: '"1"' });
      if (count === 0) response.end(body.subarray(0, 200_000));
      else response.end(body);
    });
    expect(await fetch(server)).toEqual(WHOLE);
    expect(server.requests[1]?.headers.range).toBeUndefined();
  });

  it.each(["gzip", "gzip, gzip", "br", "zstd"])(
    "%s and a decompression bomb stops at the limits",
    async (encoding) => {
      const plain = Buffer.concat([VIDEO.subarray(0, 1000), Buffer.alloc(50_000_000)]);
      const once = { br: brotliCompressSync, zstd: zstdCompressSync }[encoding] ?? gzipSync;
      const body = encoding.includes(",") ? gzipSync(once(plain)) : once(plain);
      expect(body.length).toBeLessThan(100_000);
      await using server = await serve(encoding, body);
      const result = await fetch(server, { limits: { maxBytes: 2_000_000 } });
      expect(result).toMatchObject({ ok: false, error: { code: "source_too_large" } });
      expect((await readFile(`${file}.part`)).length).toBeLessThan(4_000_000);
    },
  );

  it("gzip around a web page is rejected as a web page", async () => {
    await using server = await serve("gzip", gzipSync("<!DOCTYPE html><html>sign in</html>"));
    expect(await fetch(server)).toMatchObject({ ok: false, error: { code: "source_not_a_video" } });
  });

  it("too many codings are rejected", async () => {
    await using server = await serve("gzip,gzip,gzip,gzip,gzip,gzip", VIDEO);
    expect(await fetch(server)).toMatchObject({ ok: false, error: { code: "source_server_error" } });
  });

  it("different in range responses does not corrupt the file", async () => {
    await using server = await localServer((request, response, count) => {
      if (count === 0 || request.headers.range === undefined) {
        const cut = count === 0 ? { breakAfter: 100_000, part: `${file}.part` } : {};
        return serveFile(request, response, VIDEO, { etag: '"1"', ...cut });
      }
      const body = gzipSync(VIDEO).subarray(100_000);
      const range = `bytes 100000-${100_000 + body.length - 1}/*`;
      response.writeHead(206, { "content-encoding": "gzip", "content-range": range, etag: '"1"' }).end(body);
    });
    expect(await fetch(server, { limits: { connections: 1 } })).toEqual(WHOLE);
  });
});

describe("contentCodings", () => {
  it.each([
    ["", []],
    ["gzip", ["gzip"]],
    [" GZip ,, Br ", ["gzip", "br"]],
    ["utf-8, constructor, __proto__", []],
    ["gzip,gzip,gzip,gzip,gzip", ["gzip", "gzip", "gzip", "gzip", "gzip"]],
    ["gzip,gzip,gzip,gzip,gzip,br", null],
  ])("of %j are %j", (header, codings) => {
    expect(contentCodings(header)).toEqual(codings);
  });
});
