import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { createDownloadStage, DEFAULT_FETCH_LIMITS, describeProgress } from "./download-stage.ts";
import { localServer, serveFile, sha256, videoBytes } from "./testing/local-server.ts";

describe("the download stage", () => {
  it("saves the video as `source` and reports progress", async () => {
    const video = videoBytes(100_000);
    await using server = await localServer((request, response) => serveFile(request, response, video));
    const dir = await mkdtemp(join(tmpdir(), "splatt-download-"));
    const stage = createDownloadStage({
      allowHttp: true,
      allowHosts: [server.host],
      limits: { ...DEFAULT_FETCH_LIMITS, minFreeBytes: 0 },
    });
    const messages: string[] = [];
    const result = await stage.run(
      { kind: "url", url: `${server.origin}/../..%2fevil.mp4` },
      {
        dir,
        signal: new AbortController().signal,
        log: pino({ level: "silent" }),
        report: ({ message }) => messages.push(message),
        toolOutput: () => undefined,
      },
    );
    expect(result).toEqual({ ok: true, value: { file: "source", size: 100_000, sha256: sha256(video) } });
    expect(sha256(await readFile(join(dir, "source")))).toBe(sha256(video));
    expect(messages.at(-1)).toMatch(/^downloading: 0\.1 of 0\.1 MB/);
    await rm(dir, { recursive: true });
  });

  it("refuses a private address by default", async () => {
    const stage = createDownloadStage({ allowHttp: false, allowHosts: [], limits: DEFAULT_FETCH_LIMITS });
    const dir = await mkdtemp(join(tmpdir(), "splatt-download-"));
    const result = await stage.run(
      { kind: "url", url: "https://169.254.169.254/latest/meta-data/" },
      {
        dir,
        signal: new AbortController().signal,
        log: pino({ level: "silent" }),
        report: () => undefined,
        toolOutput: () => undefined,
      },
    );
    expect(result).toMatchObject({ ok: false, error: { code: "source_refused" } });
    await rm(dir, { recursive: true });
  });
});

describe("describeProgress", () => {
  it.each([
    [
      { received: 12_500_000, total: 50_000_000, bytesPerSecond: 8_300_000 },
      0.25,
      "downloading: 12.5 of 50.0 MB, 8.3 MB/s",
    ],
    [{ received: 12_500_000, total: null, bytesPerSecond: 0 }, 0, "downloading: 12.5 MB"],
    [{ received: 50_000_000, total: 50_000_000, bytesPerSecond: 0 }, 1, "downloading: 50.0 of 50.0 MB"],
  ])("%j", (progress, fraction, message) => {
    expect(describeProgress(progress)).toEqual({ fraction, message });
  });
});
