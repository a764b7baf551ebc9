import { execFileSync, spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { pino } from "pino";
import sharp from "sharp";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FRAME_LIMITS, type FrameLimits, type FrameOptions } from "../frames/frame-plan.ts";
import { createFramesStage } from "../frames/frames-stage.ts";
import { tarOf, zipOf } from "../photos/testing/archives.ts";
import { photoOf } from "../photos/testing/photos.ts";

/** Several videos of one scene, as an archive or as files. With the real ffmpeg. */
const installed = spawnSync("ffmpeg", ["-version"]).status === 0;

let root = "";
let dir = "";
let wide: Buffer = Buffer.alloc(0);
let high: Buffer = Buffer.alloc(0);

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "splatt-scene-"));
  if (!installed) return;
  wide = await clip("wide.mp4", "160x120", 3);
  high = await clip("high.mkv", "96x128", 2);
});
afterAll(() => rm(root, { recursive: true, force: true }));
beforeEach(async () => {
  dir = await mkdtemp(join(root, "job-"));
});

/** Each picture differs from the one before. */
async function clip(name: string, size: string, seconds: number): Promise<Buffer> {
  const source = `testsrc=size=${size}:rate=8:duration=${seconds}`;
  execFileSync("ffmpeg", ["-v", "error", "-f", "lavfi", "-i", source, "-c:v", "mpeg4", "-q:v", "2", name], {
    cwd: root,
    stdio: "ignore",
  });
  return readFile(join(root, name));
}

type Files = Readonly<Record<string, Uint8Array>>;

async function take(files: Files, options: Partial<FrameOptions> = {}, limits: Partial<FrameLimits> = {}) {
  const out = join(dir, "out");
  await mkdir(out, { recursive: true });
  const sources = Object.keys(files).map((name, i) => ({ path: join(dir, `source_${i}`), name }));
  for (const [i, data] of Object.values(files).entries()) await writeFile(join(dir, `source_${i}`), data);
  const stage = createFramesStage({
    ...{ ffmpeg: "ffmpeg", ffprobe: "ffprobe", commandTimeoutMs: 60_000 },
    ...FRAME_LIMITS,
    ...limits,
  });
  const fractions: number[] = [];
  const result = await stage.run(
    { files: sources, options: { fps: 4, start_sec: 0, end_sec: null, ...options } },
    {
      dir: out,
      signal: new AbortController().signal,
      log: pino({ level: "silent" }),
      report: ({ fraction }) => void fractions.push(fraction),
      toolOutput: () => undefined,
    },
  );
  expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
  return result;
}

async function taken(files: Files, options: Partial<FrameOptions> = {}, limits: Partial<FrameLimits> = {}) {
  const result = await take(files, options, limits);
  if (!result.ok) return expect.fail(`${result.error.code}: ${result.error.detail}`);
  if (!("videos" in result.value)) return expect.fail("taken for one video");
  const { count, cameras, photos } = result.value;
  const names = (await readdir(join(dir, "out"))).toSorted();
  expect(names).toEqual(
    Array.from({ length: count }, (_, i) => `frame_${String(i + 1).padStart(5, "0")}.jpg`),
  );
  for (const [i, { camera }] of photos.entries()) {
    const { width, height } = await sharp(join(dir, "out", names[i] ?? "")).metadata();
    expect([width, height]).toEqual([cameras[camera]?.width, cameras[camera]?.height]);
  }
  return result.value;
}

describe.runIf(installed)("several videos of one scene", () => {
  it.each<[string, () => Files]>([
    ["as files", () => ({ "wide.mp4": wide, "high.mkv": high })],
    [
      "in a zip",
      () => ({ "s.zip": zipOf({ "wide.mp4": wide, "high.mkv": high, "notes.txt": Buffer.from("x") }) }),
    ],
    [
      "in a tar.gz",
      () => ({
        s: gzipSync(
          tarOf([
            { path: "wide.mp4", data: wide },
            { path: "high.mkv", data: high },
          ]),
        ),
      }),
    ],
  ])("give one set of frames: %s", async (_, files) => {
    const frames = await taken(files());
    expect(frames).toMatchObject({
      count: 20,
      cameras: [
        { width: 160, height: 120, focal: null },
        { width: 96, height: 128, focal: null },
      ],
      videos: [
        { name: "wide.mp4", from: 0, count: 12, fps: 4 },
        { name: "high.mkv", from: 12, count: 8, fps: 4 },
      ],
      notes: [],
    });
    expect(frames.photos.map(({ camera }) => camera)).toEqual([...Array(12).fill(0), ...Array(8).fill(1)]);
    expect(frames.photos[12]?.path).toBe("high.mkv");
  });

  it("share the limit on frames, and each is cut to the range", async () => {
    const files = { "a.mp4": wide, "b.mp4": high };
    const shared = await taken(files, {}, { maxFrames: 10 });
    expect(shared.count).toBeLessThanOrEqual(10);
    expect(shared.videos.every(({ count }) => count >= 4)).toBe(true);
    const cut = await taken(files, { start_sec: 0.5, end_sec: 1.5, fps: 8 });
    expect(cut.videos.map(({ count, start_sec }) => [count, start_sec])).toEqual([
      [8, 0.5],
      [8, 0.5],
    ]);
  });

  it("may come with photos, but not with the clips of live photos", async () => {
    const photos = await Promise.all([1, 2, 3].map((seed) => photoOf({ seed })));
    const [first = Buffer.alloc(0), ...others] = photos;
    const archive = zipOf({
      "walk.mp4": wide,
      "IMG_1.JPG": first,
      "IMG_1.MOV": high,
      ...Object.fromEntries(others.map((photo, i) => [`other_${i}.jpg`, photo])),
    });
    const frames = await taken({ "s.zip": archive });
    expect(frames.videos).toMatchObject([{ name: "walk.mp4", from: 0, count: 12 }]);
    expect(frames.photos.slice(12).map(({ path }) => path)).toEqual([
      "IMG_1.JPG",
      "other_0.jpg",
      "other_1.jpg",
    ]);
    expect(frames.cameras).toHaveLength(2);
  });

  it("leave out one that cannot be used, and say so", async () => {
    const frames = await taken({
      "good.mp4": wide,
      "cut.mp4": high.subarray(0, 300),
      "photo.jpg": await photoOf({ seed: 1 }),
    });
    expect(frames.videos.map(({ name }) => name)).toEqual(["good.mp4"]);
    expect(frames.notes[0]).toMatch(/^"cut.mp4" could not be used: The video file is damaged/);
    expect(frames.notes[1]).toMatch(/^"photo.jpg" could not be used: The file is a single picture/);
  });

  it.each<[string, string, RegExp, () => Files, Partial<FrameOptions>]>([
    [
      "none can be used",
      "video_corrupt",
      /"b.mp4"/,
      () => ({ "a.mp4": wide.subarray(0, 300), "b.mp4": high.subarray(0, 300) }),
      {},
    ],
    [
      "the range is beyond all",
      "time_range_empty",
      /lasts 3 s/,
      () => ({ "a.mp4": wide, "b.mp4": high }),
      { start_sec: 60 },
    ],
    [
      "they give too few frames",
      "too_few_frames",
      /Together they give 5 frames/,
      () => ({ "a.mp4": wide, "b.mp4": high }),
      { fps: 1 },
    ],
    [
      "there are too many",
      "archive_too_large",
      /17 videos; 16 is the limit/,
      () => ({ s: zipOf(Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`${i}.mp4`, high]))) }),
      {},
    ],
    [
      "one is a bomb",
      "archive_too_large",
      /"b.mp4" has 90 MB/,
      () => ({
        s: zipOf({ "a.bin": noise(5_000_000), "b.mp4": Buffer.concat([high, Buffer.alloc(90_000_000)]) }, 9),
      }),
      {},
    ],
  ])("fail when %s", async (_, code, detail, files, options) => {
    expect(await take(files(), options)).toMatchObject({
      ok: false,
      error: { code, detail: expect.stringMatching(detail) },
    });
  });
});

function noise(bytes: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length: bytes }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
}
