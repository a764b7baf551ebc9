import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { createSecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { canMakeCertificates, certificateFor } from "./testing/certificate.ts";
import { type FetchOverrides, fetchUrl } from "./testing/fetch-from.ts";
import { localServer, serveFile, sha256, videoBytes } from "./testing/local-server.ts";
import { rawServer } from "./testing/raw-server.ts";

/** Answers that break the standard, or use what few servers use. What curl makes of each is the yardstick. */

const VIDEO = videoBytes(20_000);
const LENGTH = `Content-Length: ${VIDEO.length}\r\n`;
const OK = "HTTP/1.1 200 OK\r\n";

const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === "::1"),
);

let dir = "";
let file = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-odd-"));
  file = join(dir, "source");
});
afterEach(() => rm(dir, { recursive: true, force: true }));

function chunked(bytes: Buffer, extension = "", trailer = ""): Buffer {
  const parts = [bytes.subarray(0, 7), bytes.subarray(7, 9000), bytes.subarray(9000)];
  const chunks = parts.flatMap((part) => [
    `${part.length.toString(16).toUpperCase()}${extension}\r\n`,
    part,
    "\r\n",
  ]);
  return Buffer.concat([...chunks, `0\r\n${trailer}\r\n`].map((part) => Buffer.from(part)));
}

function fetch(origin: string, overrides: FetchOverrides = {}) {
  return fetchUrl(`${origin}/v.mp4`, file, { allowHosts: ["127.0.0.1"], ...overrides });
}

describe("the video comes from a server that", () => {
  it.each<[string, string, Buffer]>([
    ["speaks HTTP/1.0 and names no length", "HTTP/1.0 200 OK\r\n\r\n", VIDEO],
    ["gives no reason", `HTTP/1.1 200\r\n${LENGTH}\r\n`, VIDEO],
    ["ends lines with a line feed alone", `HTTP/1.1 200 OK\nContent-Length: ${VIDEO.length}\n\n`, VIDEO],
    ["sends a length with chunks", `${OK}${LENGTH}Transfer-Encoding: chunked\r\n\r\n`, chunked(VIDEO)],
    ["sends chunks with a length", `${OK}Transfer-Encoding: chunked\r\n${LENGTH}\r\n`, chunked(VIDEO)],
    [
      "sends chunks with extensions and trailers",
      `${OK}Transfer-Encoding: Chunked\r\nTrailer: X-Sum\r\n\r\n`,
      chunked(VIDEO, ';name="va;lue"', "X-Sum: 1\r\nContent-Length: 3\r\n"),
    ],
    ["pads its chunk sizes", `${OK}Transfer-Encoding: chunked\r\n\r\n`, chunked(VIDEO, "  ")],
    ["compresses the transfer", `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n`, chunked(gzipSync(VIDEO))],
    ["names the identity transfer", `${OK}Transfer-Encoding: identity\r\n${LENGTH}\r\n`, VIDEO],
    ["says Continue first", `HTTP/1.1 100 Continue\r\n\r\n${OK}${LENGTH}\r\n`, VIDEO],
    ["gives hints first", `HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n${OK}${LENGTH}\r\n`, VIDEO],
    ["folds a header", `${OK}X-A: a\r\n b\r\n${LENGTH}\r\n`, VIDEO],
    ["has control characters in a header", `${OK}X-A: a\u0001b\r\n${LENGTH}\r\n`, VIDEO],
    [
      "names the file in Latin-1",
      `${OK}Content-Disposition: attachment; filename="\u00fc.mp4"\r\n${LENGTH}\r\n`,
      VIDEO,
    ],
    ["answers 203", `HTTP/1.1 203 Transformed\r\n${LENGTH}\r\n`, VIDEO],
    [
      "answers with a range that is all of it",
      `HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-${VIDEO.length - 1}/${VIDEO.length}\r\n${LENGTH}\r\n`,
      VIDEO,
    ],
    ["answers 206 without naming a range", `HTTP/1.1 206 Partial\r\n${LENGTH}\r\n`, VIDEO],
    ["says more than its length", `${OK}${LENGTH}\r\n`, Buffer.concat([VIDEO, Buffer.from("more")])],
  ])("%s", async (_, head, body) => {
    await using server = await rawServer((socket) => {
      socket.write(head, "latin1");
      socket.end(body);
    });
    expect(await fetch(server.origin)).toMatchObject({ ok: true, value: { sha256: sha256(VIDEO) } });
    expect(sha256(await readFile(file))).toBe(sha256(VIDEO));
  });

  it.each([
    ["never ends the page of its redirect", "HTTP/1.1 302 Found\r\nLocation: /ok\r\n\r\nwait"],
    [
      "sends a redirect in chunks that stop",
      "HTTP/1.1 302 Found\r\nLocation: /ok\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ],
    ["redirects by 300", "HTTP/1.1 300 Multiple Choices\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n"],
  ])("%s", async (_, redirect) => {
    await using server = await rawServer((socket, path) => {
      if (path !== "/ok") return socket.write(redirect);
      socket.write(`${OK}${LENGTH}\r\n`);
      return socket.end(VIDEO);
    });
    expect(await fetch(server.origin)).toMatchObject({ ok: true, value: { sha256: sha256(VIDEO) } });
  });

  it.each([400, 403, 405, 416, 501])("answers %i to each request for a part", async (status) => {
    let requests = 0;
    await using server = await localServer((request, response) => {
      requests += 1;
      // The first connection breaks, so that the rest is asked for.
      const breaks = requests === 1 ? { breakAfter: 5000, part: `${file}.part` } : {};
      if (request.headers.range) response.writeHead(status).end();
      else serveFile(request, response, VIDEO, { etag: '"a"', ...breaks });
    });
    expect(await fetch(server.origin)).toMatchObject({ ok: true, value: { sha256: sha256(VIDEO) } });
  });

  it.skipIf(!hasIpv6)("is named by an IPv6 address", async () => {
    const server = createServer((request, response) => serveFile(request, response, VIDEO, { etag: '"a"' }));
    server.listen(0, "::1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    try {
      const result = await fetch(`http://[::1]:${port}`, { allowHosts: [`[::1]:${port}`] });
      expect(result).toMatchObject({ ok: true, value: { sha256: sha256(VIDEO) } });
      expect(await fetch(`http://[::1]:${port}`)).toMatchObject({
        ok: false,
        error: { code: "source_refused" },
      });
    } finally {
      server.close();
    }
  });

  it("sends its response in tiny pieces", async () => {
    await using server = await rawServer((socket) => {
      const bytes = Buffer.concat([Buffer.from(`${OK}ETag: "1"\r\n${LENGTH}\r\n`), VIDEO]);
      let at = 0;
      const timer = setInterval(() => {
        const size = at < 200 ? 1 : 500;
        socket.write(bytes.subarray(at, at + size));
        at += size;
        if (at >= bytes.length) socket.end();
      }, 1);
      socket.on("close", () => clearInterval(timer));
    });
    const result = await fetch(server.origin, { limits: { connections: 1 } });
    expect(result).toMatchObject({ ok: true, value: { sha256: sha256(VIDEO) } });
  });
});

describe("the download fails, within its limits, when a server", () => {
  it.skipIf(!canMakeCertificates)("speaks HTTP/2 only", async () => {
    const server = createSecureServer(certificateFor("127.0.0.1", dir));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    try {
      expect(await fetch(`https://127.0.0.1:${port}`)).toMatchObject({
        ok: false,
        error: { code: "source_unreachable", detail: expect.stringContaining("HTTP/2 only") },
      });
    } finally {
      server.close();
    }
  });

  it.each<[string, string, string]>([
    ["does not speak HTTP", "SSH-2.0-OpenSSH_9.6\r\n", "source_server_error"],
    ["speaks HTTP/0.9", "\u0000\u0000\u0000\u0018ftypmp42", "source_server_error"],
    ["closes without a word", "", "source_unreachable"],
    ["names a negative length", `${OK}Content-Length: -1\r\n\r\n`, "source_server_error"],
    // curl takes the same length twice, as the standard allows; Node's parser has no switch for it.
    ["names its length twice", `${OK}${LENGTH}${LENGTH}\r\n`, "source_server_error"],
    ["names two lengths", `${OK}${LENGTH}Content-Length: 7\r\n\r\n`, "source_server_error"],
    ["promises more than it sends", `${OK}Content-Length: 9000\r\n\r\nshort`, "source_unreachable"],
    ["breaks its chunks", `${OK}Transfer-Encoding: chunked\r\n\r\nnonsense`, "source_unreachable"],
    [
      "leaves out the last chunk",
      `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`,
      "source_unreachable",
    ],
    [
      "switches protocols",
      "HTTP/1.1 101 No\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
      "source_unreachable",
    ],
    [
      "redirects to nowhere",
      "HTTP/1.1 302 Found\r\nLocation:\r\nContent-Length: 0\r\n\r\n",
      "source_server_error",
    ],
  ])("%s", async (_, answer, code) => {
    let requests = 0;
    await using server = await rawServer((socket) => {
      requests += 1;
      socket.end(answer);
    });
    expect(await fetch(server.origin)).toMatchObject({ ok: false, error: { code } });
    expect(requests).toBeLessThanOrEqual(3);
  });

  it.each([
    ["headers", "X-More: more\r\n"],
    ["interim answers", "HTTP/1.1 102 Processing\r\n\r\n"],
  ])("sends %s slowly and endlessly", async (_, piece) => {
    await using server = await rawServer((socket) => {
      if (piece.startsWith("X-")) socket.write(OK);
      const timer = setInterval(() => socket.write(piece), 2);
      socket.on("close", () => clearInterval(timer));
    });
    const result = await fetch(server.origin, { limits: { stallMs: 100, maxTries: 1 } });
    expect(result).toMatchObject({ ok: false, error: { code: "source_stalled" } });
  });
});
