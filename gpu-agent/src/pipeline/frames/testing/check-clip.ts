import { mkdtemp, readdir } from "node:fs/promises";
import { join } from "node:path";
import { pino } from "pino";
import sharp from "sharp";
import { expect } from "vitest";
import { FRAME_LIMITS } from "../frame-plan.ts";
import { createFramesStage } from "../frames-stage.ts";
import { VideoFrames } from "../video-frames.ts";
import type { Clip } from "./corpus/clip.ts";
import { CORNER_COLOUR, readCorner, readNumber } from "./counter-clip.ts";
import type { Ffmpeg } from "./ffmpegs.ts";

/** Makes each clip once, for the first test that needs it. */
export class ClipFolder {
  readonly #dir: string;
  readonly #made = new Map<Clip, Promise<string>>();

  constructor(dir: string) {
    this.#dir = dir;
  }

  fileOf(clip: Clip): Promise<string> {
    const file = this.#made.get(clip) ?? this.#make(clip);
    this.#made.set(clip, file);
    return file;
  }

  newFolder(): Promise<string> {
    return mkdtemp(join(this.#dir, "out-"));
  }

  async #make(clip: Clip): Promise<string> {
    const folder = await mkdtemp(join(this.#dir, "clip-"));
    await clip.make(folder, "source");
    return join(folder, "source");
  }
}

/** Extracts a clip's frames and reads each frame's picture number from its content. */
export async function checkClip(folder: ClipFolder, clip: Clip, { ffmpeg, ffprobe }: Ffmpeg): Promise<void> {
  const file = await folder.fileOf(clip);
  const dir = await folder.newFolder();
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
    {
      files: [{ path: file, name: "source" }],
      options: { fps: 4, start_sec: 0, end_sec: null, ...clip.options },
    },
    {
      dir,
      signal: new AbortController().signal,
      log: pino({ level: "silent" }),
      report: () => undefined,
      toolOutput: (line) => errors.push(line),
    },
  );
  if (!result.ok) expect.fail(`${result.error.code}: ${result.error.detail} ${errors.at(-1) ?? ""}`);
  const names = (await readdir(dir)).toSorted();
  expect(names).toEqual(names.map((_, i) => `frame_${String(i + 1).padStart(5, "0")}.jpg`));
  const numbers = await Promise.all(names.map((name) => readNumber(join(dir, name))));
  const missed = clip.times.flatMap((time, i) => {
    const [wanted, got] = [clip.shown(time), numbers[i] ?? Number.NaN];
    return Math.abs(got - wanted) <= 1 ? [] : [`${time} s: picture ${wanted} expected, ${got} taken`];
  });
  expect(missed).toEqual([]);
  expect(numbers).toHaveLength(clip.times.length);
  const { width, height, notes, times } = VideoFrames.parse(result.value);
  expect([width, height]).toEqual(clip.size);
  expect(await sharp(join(dir, names[0] ?? "")).metadata()).toMatchObject({ width, height });
  // The frame shows the picture at the time that the output states.
  const untrue = times.filter(
    (time, i) => !(Math.abs(clip.shown(time) - (numbers[i] ?? Number.NaN)) <= 0.51),
  );
  expect(untrue).toEqual([]);
  const levels = await readCorner(join(dir, names[0] ?? ""));
  if (clip.colours !== "unknown") {
    expect(levels.map((level, i) => Math.abs(level - (CORNER_COLOUR[i] ?? 0)) <= 8)).toEqual([
      true,
      true,
      true,
    ]);
  }
  if (clip.note) expect(notes.join(" ")).toMatch(clip.note);
  else expect(notes).toEqual([]);
}
