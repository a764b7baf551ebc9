import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Matrix4, readTransforms, type Transforms } from "@splatt/formats";
import { renderSampleFrames } from "@splatt/sample-clip";
import type { JobOptions } from "@splatt/shared";
import { pino } from "pino";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FRAME_LIMITS } from "../frames/frame-plan.ts";
import { createFramesStage, type FramesOutput } from "../frames/frames-stage.ts";
import { zipOf } from "../photos/testing/archives.ts";
import { colmapAt } from "../poses/colmap-program.ts";
import { toDatasetFrame } from "../poses/dataset-files.ts";
import { createPosesStage } from "../poses/poses-stage.ts";

/** Datasets made of our own result, from archive to dataset folder. With the real COLMAP. */
const COLMAP = [colmapAt("colmap")];
const installed = spawnSync("colmap", ["-h"]).status === 0;

const SIZE = { width: 320, height: 240 };
const PROGRESS = Array.from({ length: 14 }, (_, i) => 0.35 + 0.027 * i);
const OPTIONS = { fps: 4, start_sec: 0, end_sec: null } satisfies Partial<JobOptions>;

type Row = Matrix4[0];

let root = "";
let solved = "";
let transforms: Transforms;

beforeAll(async () => {
  if (!installed) return;
  root = await mkdtemp(join(tmpdir(), "splatt-given-"));
  const photos: Record<string, Uint8Array> = {};
  for await (const pixels of renderSampleFrames(PROGRESS, SIZE)) {
    const name = `photos/${String(Object.keys(photos).length).padStart(3, "0")}.jpg`;
    photos[name] = await sharp(pixels, { raw: { ...SIZE, channels: 3 } })
      .jpeg({ quality: 95 })
      .toBuffer();
  }
  const run = await posed(photos);
  if (!run.result.ok) throw new Error(run.result.error.detail);
  solved = run.dir;
  transforms = await readTransforms(join(solved, "transforms.json"));
}, 300_000);

afterAll(() => rm(root, { recursive: true, force: true }));

/** Runs the stages of frames and poses on a zip of files. @returns the poses stage's result, and its folder */
async function posed(files: Record<string, Uint8Array>) {
  const dir = await mkdtemp(join(root, "job-"));
  const [framesDir, posesDir] = [join(dir, "frames"), join(dir, "poses")];
  for (const each of [framesDir, posesDir]) await mkdir(each);
  await writeFile(join(dir, "source"), zipOf(files));
  const context = (folder: string) => ({
    dir: folder,
    signal: new AbortController().signal,
    log: pino({ level: "silent" }),
    report: () => undefined,
    toolOutput: () => undefined,
  });
  const limits = { commandTimeoutMs: 240_000, silenceMs: 240_000 };
  const frames = await createFramesStage({
    ffmpeg: "ffmpeg",
    ffprobe: "ffprobe",
    ...limits,
    ...FRAME_LIMITS,
  }).run({ files: [{ path: join(dir, "source"), name: "source" }], options: OPTIONS }, context(framesDir));
  if (!frames.ok) throw new Error(`${frames.error.code}: ${frames.error.detail}`);
  const stage = createPosesStage({ colmap: COLMAP, gpu: false, threads: null, ...limits });
  const input = {
    framesDir,
    frames: frames.value satisfies FramesOutput,
    preset: "draft" as const,
    up: "auto" as const,
  };
  return { dir: posesDir, result: await stage.run(input, context(posesDir)) };
}

async function imagesOf(dir: string): Promise<Record<string, Uint8Array>> {
  const names = await readdir(join(dir, "images"));
  return Object.fromEntries(
    await Promise.all(
      names.map(async (name) => [`images/${name}`, await readFile(join(dir, "images", name))] as const),
    ),
  );
}

function json(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

/** The distance of each camera from where the dataset had it, both in the frame of the first result. */
function moved(made: Transforms): number[] {
  return made.frames.map((frame, i) => {
    const [a, b, c] = transforms.frames[i]?.transform_matrix ?? frame.transform_matrix;
    const [x, y, z] = toDatasetFrame(made, [a[3], b[3], c[3]]);
    const [p, q, r] = frame.transform_matrix;
    return Math.hypot(x - p[3], y - q[3], z - r[3]);
  });
}

describe.runIf(installed)("a dataset with poses", () => {
  const all = () => transforms.frames.length;

  it("as transforms.json keeps its cameras, and gets points", { timeout: 300_000 }, async () => {
    const { dir, result } = await posed({ ...(await imagesOf(solved)), "transforms.json": json(transforms) });
    expect(result).toMatchObject({ ok: true, value: { capture: { frames: all(), registered: all() } } });
    if (!result.ok) return;
    expect(result.value.capture.points).toBeGreaterThan(300);
    expect(result.value.capture.mean_reprojection_error).toBeLessThan(1.5);
    expect(result.value.capture.advice).toMatch(/The camera poses were given; \d+ points were triangulated/);
    const made = await readTransforms(join(dir, "transforms.json"));
    expect(Math.max(...moved(made))).toBeLessThan(1e-4);
  });

  it("as COLMAP model keeps its points", { timeout: 300_000 }, async () => {
    const model = join(solved, "colmap", "sparse", "0");
    const files = await imagesOf(solved);
    for (const name of ["cameras.bin", "images.bin", "points3D.bin"]) {
      files[`sparse/0/${name}`] = await readFile(join(model, name));
    }
    const { dir, result } = await posed(files);
    expect(result).toMatchObject({ ok: true, value: { capture: { registered: all() } } });
    expect(result.ok && result.value.capture.advice).toContain("The camera poses and points were given.");
    const made = await readTransforms(join(dir, "transforms.json"));
    expect(made.frames).toHaveLength(all());
    for (const [i, frame] of made.frames.entries()) {
      for (const [row, values] of frame.transform_matrix.entries()) {
        for (const [column, value] of values.entries()) {
          expect(value).toBeCloseTo(transforms.frames[i]?.transform_matrix[row]?.[column] ?? 9, 3);
        }
      }
    }
  });

  const turned = (rows: Matrix4): Matrix4 => {
    const [a, b, c, d] = rows;
    const flipped = ([x, y, z, w]: Row): Row => [x, -y, -z, w];
    return [flipped(a), flipped(b), flipped(c), d];
  };
  const atOrigin = ([a, b, c, d]: Matrix4): Matrix4 => {
    const still = ([x, y, z]: Row): Row => [x, y, z, 0];
    return [still(a), still(b), still(c), d];
  };
  const poseOf = (i: number) => transforms.frames[i % transforms.frames.length]?.transform_matrix;
  it.each<[string, (pose: Matrix4, i: number) => Matrix4]>([
    ["whose axes are those of another format", turned],
    ["whose images have each other's poses", (pose, i) => poseOf(5 * i + 3) ?? pose],
    ["whose cameras are all in one place", atOrigin],
  ])("is refused %s", { timeout: 300_000 }, async (_, change) => {
    const frames = transforms.frames.map((frame, i) => ({
      ...frame,
      transform_matrix: change(frame.transform_matrix, i),
    }));
    const files = { ...(await imagesOf(solved)), "transforms.json": json({ ...transforms, frames }) };
    const { result } = await posed(files);
    expect(result).toMatchObject({ ok: false, error: { code: "dataset_poses_wrong" } });
  });

  it("is refused when its images show nothing", { timeout: 300_000 }, async () => {
    const { width, height } = SIZE;
    const blank = await sharp({ create: { width, height, channels: 3 as const, background: "#777777" } })
      .jpeg()
      .toBuffer();
    const images = Object.keys(await imagesOf(solved)).map((name) => [name, blank] as const);
    const { result } = await posed({ ...Object.fromEntries(images), "transforms.json": json(transforms) });
    expect(result).toMatchObject({ ok: false, error: { code: "poses_no_features" } });
  });
});
