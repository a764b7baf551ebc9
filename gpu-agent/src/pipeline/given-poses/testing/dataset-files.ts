import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, beforeEach, expect } from "vitest";
import { FRAME_LIMITS, type FrameLimits } from "../../frames/frame-plan.ts";
import { createFramesStage } from "../../frames/frames-stage.ts";
import { zipOf } from "../../photos/testing/archives.ts";
import { photoOf } from "../../photos/testing/photos.ts";
import { encodeModel } from "../../poses/encode-model.ts";
import { readModel } from "../../poses/model-files.ts";
import { ballOfPoints, lookAt, modelOf } from "../../poses/testing/synthetic-model.ts";
import type { Vector3 } from "../../poses/vectors.ts";
import { GIVEN_DIR } from "../take-dataset.ts";

/** Datasets with camera poses as a job's source, and the frames stage that takes them. */

export const COUNT = 9;
const POSES = Array.from({ length: COUNT }, (_, i) => {
  const angle = (2 * Math.PI * i) / COUNT;
  const position: Vector3 = [3 * Math.cos(angle), 3 * Math.sin(angle), 1];
  return lookAt(position, [0, 0, 0], [0, 0, 1]);
});
/** Its cameras have 640×480 pixels; the images half of that. */
export const MODEL = modelOf(POSES, ballOfPoints(200, [0, 0, 0], 0.5));
export const NAMES = MODEL.images.map(({ name }) => name);

let root = "";
/** Of the test that runs. */
export let dir = "";
export let photos: Buffer[] = [];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "splatt-dataset-"));
  photos = await Promise.all(NAMES.map((_, seed) => photoOf({ seed, width: 320, height: 240 })));
});
afterAll(() => rm(root, { recursive: true, force: true }));
beforeEach(async () => {
  dir = await mkdtemp(join(root, "job-"));
});

export type Files = Readonly<Record<string, Uint8Array>>;

export async function take(files: Files, limits: Partial<FrameLimits> = {}, fps = 4) {
  const out = join(dir, "out");
  await mkdir(out, { recursive: true });
  await writeFile(join(dir, "source"), zipOf(files));
  const stage = createFramesStage({
    ...{ ffmpeg: "ffmpeg", ffprobe: "ffprobe", commandTimeoutMs: 60_000 },
    ...FRAME_LIMITS,
    ...limits,
  });
  return stage.run(
    { files: [{ path: join(dir, "source"), name: "source" }], options: { fps, start_sec: 0, end_sec: null } },
    {
      dir: out,
      signal: new AbortController().signal,
      log: pino({ level: "silent" }),
      report: () => undefined,
      toolOutput: () => undefined,
    },
  );
}

export function images(folder: string, count = COUNT): Files {
  return Object.fromEntries(
    NAMES.slice(0, count).map((name, i) => [`${folder}${name}`, photos[i] ?? Buffer.alloc(0)]),
  );
}

export function colmap(folder: string, model = MODEL): Files {
  const { cameras, images: posed, points } = encodeModel(model);
  return {
    [`${folder}cameras.bin`]: cameras,
    [`${folder}images.bin`]: posed,
    [`${folder}points3D.bin`]: points,
  };
}

export const IDENTITY = [
  [1, 0, 0, 0],
  [0, 1, 0, 0],
  [0, 0, 1, 0],
];
export function framesOf(paths: readonly string[]) {
  return paths.map((path, i) => ({
    file_path: path,
    transform_matrix: IDENTITY.map(([x, y, z], row) => [x, y, z, row === 0 ? i : 0]),
  }));
}

export function transforms(change: object = {}, names = NAMES): Files {
  const frames = framesOf(names.map((name) => `./images/${name}`));
  return { "fox/transforms.json": Buffer.from(JSON.stringify({ fl_x: 300, frames, ...change })) };
}

export async function taken(files: Files, limits: Partial<FrameLimits> = {}) {
  const result = await take(files, limits);
  if (!result.ok) return expect.fail(`${result.error.code}: ${result.error.detail}`);
  if (!("photos" in result.value)) return expect.fail("taken for a video");
  const given = await readModel(join(dir, "out", GIVEN_DIR));
  if (!given.ok) return expect.fail(given.error);
  const frames = Array.from(
    { length: result.value.count },
    (_, i) => `frame_${String(i + 1).padStart(5, "0")}.jpg`,
  );
  expect((await readdir(join(dir, "out"))).toSorted()).toEqual([...frames, GIVEN_DIR]);
  expect(given.value.images.map(({ name }) => name).toSorted()).toEqual(frames);
  return { frames: result.value, model: given.value };
}
