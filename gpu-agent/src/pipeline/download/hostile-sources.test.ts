import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HOSTILE_URLS } from "@splatt/shared/testing/hostile-urls";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Resolve } from "../../network/dial.ts";
import { guardedClient, RefusedAddressError } from "./guarded-client.ts";
import { fetchFrom, fetchUrl } from "./testing/fetch-from.ts";
import { type LocalServer, localServer } from "./testing/local-server.ts";

/** The policy as it is met by a job: through the HTTP client, with a server that must hear nothing. */

let dir = "";
let secret: LocalServer;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-hostile-"));
  secret = await localServer((_, response) => response.end("secret"));
});

afterEach(async () => {
  await secret[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

const neverResolve: Resolve = () => {
  throw new Error("no name may be looked up");
};

/** Adds the secret server's port to an address without a port. */
function aimed(url: string): string {
  const host = /^(https:\/\/)([^/:@\\\s]+|\[[^\]]*\])(\/.*)?$/.exec(url);
  return host ? `http://${host[2]}:${new URL(secret.origin).port}${host[3] ?? ""}` : url;
}

describe("a job that names a hostile address", () => {
  it("fails before a name is looked up or a connection made", async () => {
    for (const url of HOSTILE_URLS.flatMap((url) => [url, aimed(url)]).filter((url) => !isPlainHttp(url))) {
      const result = await fetchUrl(url, join(dir, "source"), { resolve: neverResolve });
      expect(result, url).toMatchObject({ ok: false, error: { code: "source_refused" } });
    }
    expect(secret.connections()).toBe(0);
  });

  it("fails the same way when a server redirects there", async () => {
    let location = "";
    await using server = await localServer((_, response) => response.writeHead(302, { location }).end());
    for (const url of HOSTILE_URLS) {
      // What a header cannot carry, and what is a path on the server itself, is not a redirect elsewhere.
      if (!/^[\x21-\x7e]+$/.test(aimed(url)) || !/^[a-z]+:|^\/\//.test(url) || isPlainHttp(url)) continue;
      location = aimed(url);
      const result = await fetchFrom(server, "/v.mp4", join(dir, "source"), { resolve: neverResolve });
      expect(result, location).toMatchObject({ ok: false, error: { code: "source_refused" } });
    }
    expect(server.requests.length).toBeGreaterThan(60);
    expect(secret.connections()).toBe(0);
    expect(await readdir(dir)).not.toContain("source");
  });

  /** The test's policy allows http, unlike the table's. */
  function isPlainHttp(url: string): boolean {
    return url.startsWith("http://example.com/") || url === "//example.com/v.mp4";
  }
});

describe("the client, for a caller that checked nothing", () => {
  it("connects to none of the table's addresses", async () => {
    const client = guardedClient(
      { allowHttp: true, allowHosts: [] },
      { resolve: async () => [{ address: "127.0.0.1", family: 4 }] },
    );
    let tried = 0;
    for (const url of HOSTILE_URLS) {
      const target = aimed(url).replace(/^https:/, "http:");
      if (!URL.canParse(target) || !target.startsWith("http:")) continue;
      const { hostname, port } = new URL(target);
      // How an address is spelt is for the URL's check.
      if (hostname === "8.8.8.8") continue;
      const answer = client.send(new URL(`http://${hostname}:${port || 80}/`), {
        headers: {},
        signal: new AbortController().signal,
      });
      await expect(answer, target).rejects.toBeInstanceOf(RefusedAddressError);
      tried++;
    }
    client.close();
    expect(tried).toBeGreaterThan(60);
    expect(secret.connections()).toBe(0);
  });
});
