import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fetchFrom } from "./testing/fetch-from.ts";
import { ETAG, FILEBIN_PATH, filebinServer } from "./testing/filebin-server.ts";
import { localServer, serveFile, sha256, videoBytes } from "./testing/local-server.ts";

const VIDEO = videoBytes(300_000);
const WHOLE = { ok: true, value: { sha256: sha256(VIDEO) } };

let dir = "";
let file = "";

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-filebin-"));
  file = join(dir, "source");
});

afterEach(() => rm(dir, { recursive: true, force: true }));

describe("a file on Filebin", () => {
  it("is requested past the warning page, with its cookie, under our own name", async () => {
    const filebin = filebinServer({ bytes: VIDEO });
    await using server = await localServer(filebin.answer);
    expect(await fetchFrom(server, FILEBIN_PATH, file)).toMatchObject(WHOLE);
    expect(server.requests.map(({ url }) => url)).toEqual([
      FILEBIN_PATH,
      FILEBIN_PATH,
      "/storage/object?X-Amz-Expires=60&X-Amz-Signature=1",
    ]);
    expect(server.requests[0]?.headers["user-agent"]).toMatch(/^splatt-agent/);
    expect(server.requests[1]?.headers.cookie).toBe("verified=2024-05-24");
    expect(filebin.downloads()).toBe(1);
  });

  it("is resumed from its own URL when the download breaks", async () => {
    const filebin = filebinServer({
      bytes: VIDEO,
      answersPerAddress: 1,
      serve: (request, response, count) => {
        const cut = count < 2 ? { breakAfter: 100_000, part: `${file}.part` } : {};
        serveFile(request, response, VIDEO, { etag: ETAG, ...cut });
      },
    });
    await using server = await localServer(filebin.answer);
    expect(await fetchFrom(server, FILEBIN_PATH, file)).toMatchObject(WHOLE);
    const resumed = server.requests.slice(3);
    expect(resumed.map(({ url }) => url)).toEqual([
      FILEBIN_PATH,
      "/storage/object?X-Amz-Expires=60&X-Amz-Signature=2",
      FILEBIN_PATH,
      "/storage/object?X-Amz-Expires=60&X-Amz-Signature=3",
    ]);
    expect(resumed[1]?.headers).toMatchObject({ range: "bytes=100000-", "if-range": ETAG });
    expect(resumed[3]?.headers).toMatchObject({ range: "bytes=200000-", "if-range": ETAG });
  });

  it("is requested again from its own URL when the page follows a redirect", async () => {
    await using server = await localServer((request, response) => {
      const known = request.headers.cookie === "verified=yes";
      if (request.url === "/bin/v.mp4")
        response.writeHead(302, { location: known ? "/storage" : "/warning" }).end();
      else if (request.url === "/storage") serveFile(request, response, VIDEO);
      else
        response
          .writeHead(200, { "content-type": "text/html", "set-cookie": "verified=yes; Path=/" })
          .end("<html>");
    });
    expect(await fetchFrom(server, "/bin/v.mp4", file)).toMatchObject(WHOLE);
    expect(server.requests.map(({ url }) => url)).toEqual([
      "/bin/v.mp4",
      "/warning",
      "/bin/v.mp4",
      "/storage",
    ]);
  });

  it.each([
    ["whose bin has expired", "/expired/v.mp4", {}, "source_not_found"],
    ["that was requested too often", FILEBIN_PATH, { downloadLimit: 0 }, "source_denied"],
  ])("%s is reported", async (_, path, options, code) => {
    await using server = await localServer(filebinServer({ bytes: VIDEO, ...options }).answer);
    expect(await fetchFrom(server, path, file)).toMatchObject({ ok: false, error: { code } });
    expect(server.requests).toHaveLength(1);
  });

  describe("in several streams", () => {
    const LARGE = videoBytes(12_000_000);
    const LARGE_WHOLE = { ok: true, value: { sha256: sha256(LARGE) } };

    it("counts as one download", async () => {
      const filebin = filebinServer({ bytes: LARGE });
      await using server = await localServer(filebin.answer);
      expect(await fetchFrom(server, FILEBIN_PATH, file)).toMatchObject(LARGE_WHOLE);
      expect(server.requests.filter(({ headers }) => headers.range !== undefined)).not.toEqual([]);
      expect(filebin.downloads()).toBe(1);
    });

    it("resumes from a new presigned URL when the first has expired", async () => {
      const filebin = filebinServer({ bytes: LARGE, answersPerAddress: 3 });
      await using server = await localServer(filebin.answer);
      expect(await fetchFrom(server, FILEBIN_PATH, file)).toMatchObject(LARGE_WHOLE);
      expect(filebin.downloads()).toBeGreaterThan(1);
    });
  });
});
