import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { expect, it } from "vitest";
import { colmapAt } from "./colmap-program.ts";
import { dialectOf } from "./colmap-version.ts";
import { matchPairList } from "./match-frames.ts";
import { passPaths } from "./pass.ts";
import { firstPass } from "./settings.ts";

it.each([
  ["before its end", null, { ok: false, error: { code: "tool_missing" } }],
  ["after its end, none", 0, { ok: true }],
])("matches pairs %s", async (_, matchingEndsAt, expected) => {
  const dir = await mkdtemp(join(tmpdir(), "splatt-match-"));
  try {
    const size = { width: 320, height: 240 };
    const version = { major: 3, minor: 8, patch: 0, cuda: false };
    const names = ["a.jpg", "b.jpg"];
    const job = {
      colmap: { ...version, program: colmapAt(join(dir, "no-colmap")), reads: [] },
      dialect: dialectOf(version),
      images: dir,
      names,
      cameras: [{ ...size, names, known: true, focal: null }],
      sizes: new Map(names.map((name) => [name, size])),
      places: new Map(),
      videoOf: new Map(),
      threads: null,
      gpu: { enabled: false },
      timeoutMs: 10_000,
      silenceMs: 10_000,
      matchingEndsAt,
      context: {
        dir,
        signal: new AbortController().signal,
        log: pino({ level: "silent" }),
        report: () => undefined,
        toolOutput: () => undefined,
      },
    };
    const plan = (gpu: boolean) =>
      firstPass({ ...size, preset: "draft", frames: 2, unordered: false, several: false, gpu, cores: 2 });
    const matched = await matchPairList(
      job,
      plan,
      passPaths(dir, dir),
      [["a.jpg", "b.jpg"]],
      () => undefined,
    );
    expect(matched).toMatchObject(expected);
  } finally {
    await rm(dir, { recursive: true });
  }
});
