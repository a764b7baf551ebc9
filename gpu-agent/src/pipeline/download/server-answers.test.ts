import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Resolve } from "../../network/dial.ts";
import { canMakeCertificates, certificateFor } from "./testing/certificate.ts";
import { type FetchOverrides, fetchFrom as fetchFileFrom, fetchUrl } from "./testing/fetch-from.ts";
import { type LocalServer, localServer, serveFile, sha256, videoBytes } from "./testing/local-server.ts";

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

function failed(code: string, detail?: string) {
  return {
    ok: false,
    error: { code, detail: detail === undefined ? expect.any(String) : expect.stringContaining(detail) },
  };
}

describe("answers", () => {
  it.each([
    [401, "source_denied", 1],
    [403, "source_denied", 1],
    [404, "source_not_found", 1],
    [410, "source_not_found", 1],
    [418, "source_denied", 1],
    [202, "source_server_error", 3],
    [204, "source_server_error", 1],
    [304, "source_server_error", 1],
    [408, "source_server_error", 3],
    [429, "source_server_error", 3],
    [500, "source_server_error", 3],
    [503, "source_server_error", 3],
  ])("%i is %s after %i requests", async (status, code, requests) => {
    await using server = await localServer((_, response) => response.writeHead(status).end());
    expect(await fetchFrom(server)).toMatchObject(failed(code, String(status)));
    expect(server.requests).toHaveLength(requests);
  });

  it.each([
    [403, { "cf-mitigated": "challenge" }],
    [503, { server: "cloudflare" }],
    [202, { "x-amzn-waf-action": "challenge" }],
    [429, { "x-vercel-mitigated": "challenge" }],
  ])("%i with a bot check is not retried: %j", async (status, headers) => {
    await using server = await localServer((_, response) =>
      response.writeHead(status, headers).end("<!DOCTYPE html><head><title>Just a moment...</title>"),
    );
    expect(await fetchFrom(server)).toMatchObject(failed("source_denied", "serves browsers only"));
    expect(server.requests).toHaveLength(1);
  });

  it("retries while the server is busy", async () => {
    await using server = await localServer((request, response, count) => {
      if (count < 2) response.writeHead(503).end();
      else serveFile(request, response, VIDEO);
    });
    expect(await fetchFrom(server)).toMatchObject({ ok: true });
  });

  it("retries errors that the caller calls transient, for longer, with new headers each time", async () => {
    await using server = await localServer((request, response, count) => {
      if (count < 5)
        response.writeHead(409, { "content-type": "application/json" }).end('{"code":"stale_lease"}');
      else serveFile(request, response, VIDEO);
    });
    let lease = 0;
    const result = await fetchFrom(server, "/v.mp4", {
      headers: () => ({ "x-lease": String(lease++) }),
      isTransient: (status, answer) => status === 409 && answer.includes("stale_lease"),
    });
    expect(result).toMatchObject({ ok: true });
    expect(server.requests.map(({ headers }) => headers["x-lease"])).toEqual(["0", "1", "2", "3", "4", "5"]);
  });

  it.each([202, 403, 429, 503])(
    "%i with Retry-After is waited for as asked, without counting as a failed try",
    async (status) => {
      await using server = await localServer((request, response, count) => {
        if (count === 0) response.writeHead(status, { "retry-after": "1" }).end();
        else serveFile(request, response, VIDEO);
      });
      const waits: (number | undefined)[] = [];
      const result = await fetchFrom(server, "/", {
        limits: { maxTries: 1 },
        onProgress: ({ waitingMs }) => waits.push(waitingMs),
      });
      expect(result).toMatchObject({ ok: true });
      expect(waits[0]).toBe(1000);
    },
  );

  it.each([
    ["seconds", () => "3600"],
    ["a date", (now: number) => new Date(now + 3_600_000).toUTCString()],
  ])("fails immediately when a Retry-After in %s exceeds the patience", async (_, retryAfter) => {
    await using server = await localServer((_request, response) =>
      response.writeHead(403, { "retry-after": retryAfter(Date.now()) }).end(),
    );
    const result = await fetchFrom(server);
    expect(result).toMatchObject(failed("source_server_error", "again in 60 minutes"));
    expect(server.requests).toHaveLength(1);
  });
});

describe("a server that sends Retry-After again and again", () => {
  it("fails when the total wait exceeds the patience", async () => {
    await using server = await localServer((_, response) =>
      response.writeHead(503, { "retry-after": "1" }).end(),
    );
    const result = await fetchFrom(server, "/", { limits: { patienceMs: 1500 } });
    expect(result).toMatchObject(failed("source_server_error", "503"));
    expect(server.requests).toHaveLength(2);
  });
});

describe("the User-Agent", () => {
  it("is our own name with a contact", async () => {
    await using server = await localServer((request, response) => {
      if (!/@|https?:/.test(request.headers["user-agent"] ?? "")) response.writeHead(403).end();
      else serveFile(request, response, VIDEO);
    });
    expect(await fetchFrom(server)).toMatchObject(failed("source_denied"));
    expect(await fetchFrom(server, "/", { contact: "me@example.org" })).toMatchObject({ ok: true });
    expect(server.requests[1]?.headers["user-agent"]).toBe("splatt-agent/1 (+me@example.org)");
  });
});

describe("long headers", () => {
  const headers = (bytes: number) => ({ "x-policy": "x".repeat(bytes) });

  it("are read", async () => {
    await using server = await localServer((request, response) => {
      for (const [name, value] of Object.entries(headers(200_000))) response.setHeader(name, value);
      serveFile(request, response, VIDEO);
    });
    expect(await fetchFrom(server)).toMatchObject({ ok: true });
  });

  it("are rejected when they never end", async () => {
    await using server = await localServer((_, response) => {
      const socket = response.socket;
      socket?.write("HTTP/1.1 200 OK\r\n");
      const more = () => {
        while (socket?.writable && socket.write(`x-more: ${"x".repeat(1000)}\r\n`));
      };
      socket?.on("drain", more);
      more();
    });
    expect(await fetchFrom(server)).toMatchObject(failed("source_server_error", "headers"));
    expect(server.requests).toHaveLength(1);
  });
});

describe("share pages", () => {
  it("behind a short link are rejected with the link to use", async () => {
    await using server = await localServer((request, response) => {
      if (request.headers.host?.startsWith("short.splatt.dev")) {
        const location = `http://drive.google.com:${server.host.split(":")[1]}/file/d/1XB/view?usp=sharing`;
        response.writeHead(302, { location }).end();
      } else response.writeHead(200, { "content-type": "text/html" }).end("<!DOCTYPE html><html></html>");
    });
    const port = server.host.split(":")[1];
    const result = await fetchUrl(`http://short.splatt.dev:${port}/x`, file, {
      allowHosts: ["short.splatt.dev", "drive.google.com"],
      resolve: async () => [{ address: "127.0.0.1", family: 4 }],
    });
    const link = "https://drive.usercontent.google.com/download?id=1XB&export=download&confirm=t";
    expect(result).toMatchObject(failed("source_not_a_video", `Use ${link}`));
  });
});

describe("redirects", () => {
  it("go to another server without the first server's headers", async () => {
    await using target = await localServer((request, response) => serveFile(request, response, VIDEO));
    await using server = await localServer((_, response) => {
      response.writeHead(307, { location: `${target.origin}/v.mp4` }).end();
    });
    const result = await fetchFrom(server, "/", {
      allowHosts: [server.host, target.host],
      headers: () => ({ authorization: "secret" }),
    });
    expect(result).toMatchObject({ ok: true });
    expect(server.requests[0]?.headers.authorization).toBe("secret");
    expect(target.requests[0]?.headers.authorization).toBeUndefined();
  });

  it("into a private network are refused before anything is sent there", async () => {
    await using secret = await localServer((request, response) => serveFile(request, response, VIDEO));
    for (const location of [
      secret.origin,
      secret.origin.replace("127.0.0.1", "127.1"),
      `//${secret.host}/`,
    ]) {
      await using server = await localServer((_, response) => response.writeHead(302, { location }).end());
      expect(await fetchFrom(server)).toMatchObject(failed("source_refused", "It redirects to another"));
    }
    expect(secret.requests).toHaveLength(0);
  });

  it.each([
    ["/my video.mp4", "/my%20video.mp4"],
    ["/Übung 1.mp4?a=ä", "/%C3%9Cbung%201.mp4?a=%C3%A4"],
    ["视频.mp4", "/%E8%A7%86%E9%A2%91.mp4"],
    ["/already%20encoded.mp4", "/already%20encoded.mp4"],
    ["../up.mp4#t=3", "/up.mp4"],
  ])("to %j are followed as browsers do", async (location, url) => {
    await using server = await localServer((request, response) => {
      if (request.url === url) serveFile(request, response, VIDEO);
      // As servers send it: its bytes are UTF-8.
      else response.writeHead(302, { location: Buffer.from(location).toString("latin1") }).end();
    });
    expect(await fetchFrom(server)).toMatchObject({ ok: true });
    expect(server.requests[1]?.url).toBe(url);
  });

  it("to a URL in another character set keep its bytes", async () => {
    await using server = await localServer((request, response) => {
      if (request.url === "/%DCbung.mp4") serveFile(request, response, VIDEO);
      else response.writeHead(302, { location: "/\u00dcbung.mp4" }).end();
    });
    expect(await fetchFrom(server)).toMatchObject({ ok: true });
  });

  it("stop after twenty", async () => {
    await using server = await localServer((_, response) =>
      response.writeHead(302, { location: "/again" }).end(),
    );
    expect(await fetchFrom(server)).toMatchObject(failed("source_refused", "redirects"));
    expect(server.requests).toHaveLength(21);
  });

  it("without a Location are errors", async () => {
    await using server = await localServer((_, response) => response.writeHead(302).end());
    expect(await fetchFrom(server)).toMatchObject(failed("source_server_error", "302"));
  });
});

describe("names", () => {
  it.each([
    ["a private address", [{ address: "127.0.0.1", family: 4 }]],
    [
      "a private address among public ones",
      [
        { address: "8.8.8.8", family: 4 },
        { address: "127.0.0.1", family: 4 },
      ],
    ],
    ["an IPv4 address in IPv6 clothes", [{ address: "::ffff:127.0.0.1", family: 6 }]],
    ["nothing", []],
  ])("that resolve to %s are refused before anything is sent", async (_, addresses) => {
    await using server = await localServer((request, response) => serveFile(request, response, VIDEO));
    const url = server.origin.replace("127.0.0.1", "video.splatt.dev");
    const result = await fetchUrl(url, file, { resolve: async () => addresses });
    expect(result).toMatchObject(failed("source_refused", "video.splatt.dev"));
    expect(server.requests).toHaveLength(0);
  });

  it("are resolved once per connection, which goes to the checked address", async () => {
    await using server = await localServer((request, response) => serveFile(request, response, VIDEO));
    let asked = 0;
    // An answer that would change at the second look: first a public address where nobody listens.
    const resolve: Resolve = async () => [{ address: asked++ === 0 ? "192.0.2.1" : "127.0.0.1", family: 4 }];
    const url = server.origin.replace("127.0.0.1", "video.splatt.dev");
    expect(await fetchUrl(url, file, { resolve })).toMatchObject(failed("source_refused"));
    expect(asked).toBe(1);
    expect(server.requests).toHaveLength(0);
  });

  it("that do not exist, and closed ports, are unreachable", async () => {
    const unknown: Resolve = async () => {
      throw Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" });
    };
    const nowhere = await fetchUrl("https://video.splatt.dev/v.mp4", file, { resolve: unknown });
    expect(nowhere).toMatchObject(failed("source_unreachable", "does not exist"));
    const server = await localServer(() => undefined);
    await server[Symbol.asyncDispose]();
    expect(await fetchFrom(server)).toMatchObject(failed("source_unreachable", "refused the connection"));
  });
});

describe.skipIf(!canMakeCertificates)("https", () => {
  it("is refused without a valid certificate and not retried", async () => {
    await using server = await localServer(
      (request, response) => serveFile(request, response, VIDEO),
      certificateFor("127.0.0.1", dir),
    );
    expect(await fetchFrom(server)).toMatchObject(failed("source_unreachable", "certificate is self-signed"));
    expect(server.connections()).toBe(1);
    expect(server.requests).toHaveLength(0);
  });

  it("works with a valid certificate", async () => {
    const pair = certificateFor("127.0.0.1", dir);
    const before = tls.getCACertificates("default");
    tls.setDefaultCACertificates([...before, pair.cert]);
    try {
      await using server = await localServer(
        (request, response) => serveFile(request, response, VIDEO),
        pair,
      );
      expect(await fetchFrom(server)).toMatchObject({ ok: true, value: { sha256: sha256(VIDEO) } });
    } finally {
      tls.setDefaultCACertificates(before);
    }
  });
});
