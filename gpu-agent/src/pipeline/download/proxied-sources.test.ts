import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Resolve } from "../../network/dial.ts";
import { connectProxy } from "../../network/testing/connect-proxy.ts";
import { canMakeCertificates, certificateFor } from "./testing/certificate.ts";
import { fetchUrl } from "./testing/fetch-from.ts";
import { localServer, serveFile, sha256, videoBytes } from "./testing/local-server.ts";

/** Videos fetched through a proxy: it makes the connections, and the rules about private addresses still hold. */

const VIDEO = videoBytes(3_000_000);

let file = "";
let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-proxied-"));
  file = join(dir, "source");
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const unknownHere: Resolve = async () => {
  throw Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" });
};

function proxies(url: URL) {
  return { http: url, https: url, bypass: [] };
}

describe("a video behind a proxy", () => {
  it("is downloaded in several streams from a name that only the proxy can resolve", async () => {
    await using server = await localServer((request, response) =>
      serveFile(request, response, VIDEO, { etag: '"1"' }),
    );
    await using proxy = await connectProxy({ toPort: Number(new URL(server.origin).port) });
    const result = await fetchUrl("http://videos.splatt.dev/v.mp4", file, {
      resolve: unknownHere,
      proxies: proxies(proxy.url),
    });
    expect(result).toMatchObject({ ok: true, value: { sha256: sha256(VIDEO) } });
    expect(proxy.asked.every((line) => line === "GET http://videos.splatt.dev/v.mp4")).toBe(true);
    expect(server.requests.some(({ headers }) => headers.range !== undefined)).toBe(true);
  });

  it.each([
    ["http://10.0.0.5/v.mp4", unknownHere],
    ["http://[::ffff:169.254.169.254]/v.mp4", unknownHere],
    ["http://nas.lan/v.mp4", unknownHere],
    ["http://rebound.splatt.dev/v.mp4", async () => [{ address: "10.0.0.5", family: 4 }]],
    ["https://rebound.splatt.dev/v.mp4", async () => [{ address: "127.0.0.1", family: 4 }]],
  ] satisfies [string, Resolve][])("is not requested at %s", async (url, resolve) => {
    await using proxy = await connectProxy();
    const result = await fetchUrl(url, file, { resolve, proxies: proxies(proxy.url) });
    expect(result).toMatchObject({ ok: false, error: { code: "source_refused" } });
    expect(proxy.asked).toEqual([]);
  });

  it("is not requested when a redirect leads into a private network", async () => {
    await using server = await localServer((_, response) =>
      response.writeHead(302, { location: "http://169.254.169.254/latest/meta-data/" }).end(),
    );
    await using proxy = await connectProxy({ toPort: Number(new URL(server.origin).port) });
    const result = await fetchUrl("http://videos.splatt.dev/v.mp4", file, {
      resolve: unknownHere,
      proxies: proxies(proxy.url),
    });
    expect(result).toMatchObject({ ok: false, error: { code: "source_refused" } });
    expect(proxy.asked).toHaveLength(1);
  });

  it.each([
    ["refuses", { refuse: 403 }, 1, "source_unreachable"],
    ["requires a password", { credentials: "user:secret" }, 1, "source_unreachable"],
    ["fails for now", { refuse: 502 }, 3, "source_unreachable"],
  ])("is unreachable when the proxy %s", async (_, options, tries, code) => {
    await using proxy = await connectProxy(options);
    const url = new URL(proxy.url);
    url.username = "";
    url.password = "";
    const result = await fetchUrl("https://videos.splatt.dev/v.mp4", file, {
      resolve: unknownHere,
      proxies: proxies(url),
    });
    expect(result).toMatchObject({ ok: false, error: { code, detail: expect.stringContaining("proxy") } });
    expect(proxy.asked).toHaveLength(tries);
  });

  it.skipIf(!canMakeCertificates)(
    "comes over https, whose certificate is checked through the tunnel",
    async () => {
      const pair = certificateFor("videos.splatt.dev", dir);
      await using server = await localServer(
        (request, response) => serveFile(request, response, VIDEO, { etag: '"1"' }),
        pair,
      );
      await using proxy = await connectProxy({ toPort: Number(new URL(server.origin).port) });
      const fetch = (host: string) =>
        fetchUrl(`https://${host}/v.mp4`, file, { resolve: unknownHere, proxies: proxies(proxy.url) });
      const before = tls.getCACertificates("default");
      expect(await fetch("videos.splatt.dev")).toMatchObject({
        ok: false,
        error: { code: "source_unreachable", detail: expect.stringContaining("certificate") },
      });
      tls.setDefaultCACertificates([...before, pair.cert]);
      try {
        expect(await fetch("videos.splatt.dev")).toMatchObject({
          ok: true,
          value: { sha256: sha256(VIDEO) },
        });
        expect(await fetch("other.splatt.dev")).toMatchObject({
          ok: false,
          error: { code: "source_unreachable" },
        });
      } finally {
        tls.setDefaultCACertificates(before);
      }
      expect(new Set(proxy.asked)).toEqual(
        new Set(["CONNECT videos.splatt.dev:443", "CONNECT other.splatt.dev:443"]),
      );
    },
  );

  it("is unreachable when each tunnel breaks", async () => {
    await using proxy = await connectProxy({ onConnect: (socket) => socket.destroy() });
    const result = await fetchUrl("https://videos.splatt.dev/v.mp4", file, {
      resolve: unknownHere,
      proxies: proxies(proxy.url),
    });
    expect(result).toMatchObject({ ok: false, error: { code: "source_unreachable" } });
    expect(proxy.asked).toHaveLength(3);
  });
});
