import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FetchOverrides, fetchUrl } from "./testing/fetch-from.ts";
import { sha256, videoBytes } from "./testing/local-server.ts";

/**
 * What filebin-server.ts believes about Filebin, checked against a running server (github.com/espebra/filebin2):
 * `FILEBIN_CONTRACT_URL=http://localhost:8080 npm run test:filebin`. The server needs cookies to be required
 * (FILEBIN_REQUIRE_VERIFICATION_COOKIE=true), as filebin.net has it.
 */
const SERVER = process.env.FILEBIN_CONTRACT_URL ?? "";
const VIDEO = videoBytes(12_000_000);

describe.skipIf(SERVER === "")("a file on a real Filebin", () => {
  const bin = `splatt${randomBytes(8).toString("hex")}`;
  let dir = "";
  let file = "";
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "splatt-filebin-"));
    file = join(dir, "source");
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  async function upload(name: string): Promise<string> {
    const url = new URL(`/${bin}/${encodeURIComponent(name)}`, SERVER);
    const answer = await fetch(url, { method: "POST", body: VIDEO });
    expect(answer.status).toBe(201);
    return url.href;
  }

  /** The server and its storage may be on this machine, whatever they call it. */
  function download(url: string, overrides: FetchOverrides = {}) {
    const allowHosts = ["localhost", "127.0.0.1", new URL(SERVER).hostname];
    return fetchUrl(url, file, { allowHosts, ...overrides });
  }

  it.each(["video.mp4", "Übung 1 (final).mp4"])("%s is downloaded past the warning page", async (name) => {
    const url = await upload(name);
    // The trap exists: Filebin sends an unknown client a page.
    const unknown = await fetch(url, { headers: { "user-agent": "someone/1" } });
    expect(unknown.headers.get("content-type")).toContain("text/html");
    expect(await download(url)).toMatchObject({ ok: true, value: { sha256: sha256(VIDEO) } });
    expect(sha256(await readFile(file))).toBe(sha256(VIDEO));
  });

  it("is resumed after an interruption", async () => {
    const url = await upload("resumed.mp4");
    const stop = new AbortController();
    const limits = { connections: 1 };
    const interrupted = await download(url, { limits, signal: stop.signal, onProgress: () => stop.abort() });
    expect(interrupted).toMatchObject({ ok: false, error: { code: "agent_stopped" } });
    expect((await readFile(`${file}.part`)).length).toBeGreaterThan(0);
    expect(await download(url, { limits })).toMatchObject({ ok: true, value: { sha256: sha256(VIDEO) } });
  });

  it.each([
    [`/${bin}/missing.mp4`, "source_not_found"],
    [`/${bin}`, "source_not_a_video"],
  ])("is reported missing at %s", async (path, code) => {
    await upload("other.mp4");
    expect(await download(new URL(path, SERVER).href)).toMatchObject({ ok: false, error: { code } });
  });
});
