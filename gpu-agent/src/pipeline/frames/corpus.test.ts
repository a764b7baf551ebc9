import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FRAME_LIMITS } from "./frame-plan.ts";
import { createFramesStage } from "./frames-stage.ts";
import { type Clip, CORPUS } from "./testing/corpus.ts";
import { readNumber } from "./testing/counter-clip.ts";
import { ffmpegsToTest } from "./testing/ffmpegs.ts";

/** With every ffmpeg that is found, and by content: each frame tells which picture of the clip it is. */
const ffmpegs = ffmpegsToTest();
const installed = spawnSync("ffmpeg", ["-version"]).status === 0;

let dir = "";
const made = new Map<Clip, Promise<string>>();

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-corpus-"));
});

afterAll(() => rm(dir, { recursive: true, force: true }));

/** Each clip is made once, by the first test that needs it. */
async function fileOf(clip: Clip): Promise<string> {
  const file = made.get(clip) ?? makeClip(clip);
  made.set(clip, file);
  return file;
}

async function makeClip(clip: Clip): Promise<string> {
  const folder = await mkdtemp(join(dir, "clip-"));
  await clip.make(folder, "source");
  return join(folder, "source");
}

describe.skipIf(!installed).each(ffmpegs)("$version", ({ ffmpeg, ffprobe }) => {
  it.each(CORPUS.map((clip) => [clip.kind, clip] as const))("%s", async (_, clip) => {
    const file = await fileOf(clip);
    const out = await mkdtemp(join(dir, "out-"));
    const stage = createFramesStage({
      ...FRAME_LIMITS,
      // The pictures at the exact times, not sharper ones near them.
      maxCandidatesPerFrame: 1,
      ffmpeg,
      ffprobe,
      commandTimeoutMs: 120_000,
    });
    const errors: string[] = [];
    const result = await stage.run(
      { file, options: { fps: 4, start_sec: 0, end_sec: null, ...clip.options } },
      {
        dir: out,
        signal: new AbortController().signal,
        log: pino({ level: "silent" }),
        report: () => undefined,
        toolOutput: (line) => errors.push(line),
      },
    );
    if (!result.ok) expect.fail(`${result.error.code}: ${result.error.detail} ${errors.at(-1) ?? ""}`);
    const names = (await readdir(out)).toSorted();
    expect(names).toEqual(names.map((_, i) => `frame_${String(i + 1).padStart(5, "0")}.jpg`));
    const frames = names.map((name) => join(out, name));
    const numbers = await Promise.all(frames.map(readNumber));
    const missed = clip.times.flatMap((time, i) => {
      const [wanted, got] = [clip.shown(time), numbers[i] ?? Number.NaN];
      return Math.abs(got - wanted) <= 1 ? [] : [`${time} s: picture ${wanted} expected, ${got} taken`];
    });
    expect(missed).toEqual([]);
    expect(numbers).toHaveLength(clip.times.length);
    const { width, height, notes, times } = result.value;
    expect([width, height]).toEqual(clip.size);
    expect(await sharp(frames[0]).metadata()).toMatchObject({ width, height });
    // What the output says of each frame's time is what the frame shows.
    const untrue = times.filter((time, i) => Math.abs(clip.shown(time) - (numbers[i] ?? Number.NaN)) > 0.51);
    expect(untrue).toEqual([]);
    if (clip.note) expect(notes.join(" ")).toMatch(clip.note);
    else expect(notes).toEqual([]);
  });
});
