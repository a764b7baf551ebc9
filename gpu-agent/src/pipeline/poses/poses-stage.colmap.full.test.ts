import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { largestLens, readTransforms, type Transforms } from "@splatt/formats";
import { cameraOnPath, renderSampleFrames } from "@splatt/sample-clip";
import { pino } from "pino";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type OpenCvCamera, project } from "./camera-models.ts";
import { colmapAt } from "./colmap-program.ts";
import { readModel } from "./model-files.ts";
import { createPosesStage } from "./poses-stage.ts";
import { dot, subtract, type Vector3 } from "./vectors.ts";

/** With the real COLMAP, on rendered pictures of which the true cameras are known. */
const installed = spawnSync("colmap", ["-h"]).status === 0;

const SIZE = { width: 240, height: 180 };
const PROGRESS = Array.from({ length: 12 }, (_, i) => 0.35 + 0.027 * i);

let dir = "";
let result: Awaited<ReturnType<ReturnType<typeof createPosesStage>["run"]>>;
let transforms: Transforms;

beforeAll(async () => {
  if (!installed) return;
  dir = await mkdtemp(join(tmpdir(), "splatt-colmap-"));
  await mkdir(join(dir, "frames"));
  await mkdir(join(dir, "out"));
  let number = 0;
  for await (const pixels of renderSampleFrames(PROGRESS, SIZE)) {
    number++;
    const file = join(dir, "frames", `frame_${String(number).padStart(5, "0")}.jpg`);
    await sharp(pixels, { raw: { ...SIZE, channels: 3 } })
      .jpeg({ quality: 95 })
      .toFile(file);
  }
  const stage = createPosesStage({
    colmap: [colmapAt("colmap")],
    gpu: false,
    threads: null,
    commandTimeoutMs: 120_000,
    silenceMs: 120_000,
  });
  const frames = { count: number, ...SIZE, fps: 4, start_sec: 0, end_sec: 3, times: [], notes: [] };
  result = await stage.run(
    { framesDir: join(dir, "frames"), frames, preset: "draft", up: "auto" },
    {
      dir: join(dir, "out"),
      signal: new AbortController().signal,
      log: pino({ level: "silent" }),
      report: () => undefined,
      toolOutput: () => undefined,
    },
  );
  if (result.ok) transforms = await readTransforms(join(dir, "out", "transforms.json"));
}, 180_000);

afterAll(() => rm(dir, { recursive: true, force: true }));

type Pose = Transforms["frames"][number]["transform_matrix"];

function column(m: Pose, i: 0 | 1 | 2 | 3): Vector3 {
  return [m[0][i], m[1][i], m[2][i]];
}

function cameraOf(t: Transforms): OpenCvCamera {
  const { w, h, fl_x, fl_y, ...rest } = largestLens(t);
  return { width: w, height: h, fx: fl_x, fy: fl_y, ...rest };
}

/** The points of sparse_pc.ply, in its order, which is that of points3D.bin. */
async function readCloud(): Promise<Vector3[]> {
  const text = await readFile(join(dir, "out", "sparse_pc.ply"), "utf8");
  const rows = text
    .slice(text.indexOf("end_header\n") + 11)
    .trim()
    .split("\n");
  return rows.map((row) => {
    const [x = Number.NaN, y = Number.NaN, z = Number.NaN] = row.split(" ").map(Number);
    return [x, y, z];
  });
}

describe.skipIf(!installed)("the poses stage with COLMAP", () => {
  it("places the frames", () => {
    expect(result).toMatchObject({ ok: true, value: { capture: { frames: 12 } } });
    if (!result.ok) return;
    expect(result.value.capture.registered).toBeGreaterThanOrEqual(11);
    expect(result.value.capture.mean_reprojection_error).toBeLessThan(1);
    expect(result.value.capture.points).toBeGreaterThan(300);
  });

  it("leaves a dataset whose cameras see its points where COLMAP found them in the pictures", async () => {
    const model = await readModel(join(dir, "out", "colmap", "sparse", "0"));
    if (!model.ok) throw new Error(model.error);
    const cloud = await readCloud();
    const frames = new Map(transforms.frames.map((frame) => [frame.colmap_im_id, frame]));
    const images = new Map(model.value.images.map((image) => [image.id, image]));
    const errors: number[] = [];
    model.value.points.forEach(({ track }, index) => {
      const point = cloud[index];
      for (let i = 0; i < track.length; i += 2) {
        const matrix = frames.get(track[i])?.transform_matrix;
        const observed = images.get(track[i] ?? -1)?.features.subarray(2 * (track[i + 1] ?? 0));
        if (!point || !matrix || !observed) throw new Error("a point is observed by a missing image");
        const from = subtract(point, column(matrix, 3));
        const inCamera: Vector3 = [
          dot(from, column(matrix, 0)),
          -dot(from, column(matrix, 1)),
          -dot(from, column(matrix, 2)),
        ];
        const pixel = project(cameraOf(transforms), inCamera);
        errors.push(
          pixel
            ? Math.hypot(pixel[0] - (observed[0] ?? 0), pixel[1] - (observed[1] ?? 0))
            : Number.POSITIVE_INFINITY,
        );
      }
    });
    errors.sort((a, b) => a - b);
    expect(errors.length).toBeGreaterThan(1000);
    expect(errors[errors.length >> 1]).toBeLessThan(1);
    expect(errors[Math.floor(0.99 * errors.length)]).toBeLessThan(4);
  });

  it("leaves it upright, of unit size, and with the true cameras' shape", () => {
    const poses = transforms.frames.map(({ transform_matrix }) => transform_matrix);
    const places = poses.map((pose) => column(pose, 3));
    expect(Math.max(...places.map((p) => Math.hypot(...p)))).toBeCloseTo(1, 6);
    const truth = transforms.frames.map(({ file_path }) => {
      const index = Number(/(\d+)\.jpg$/.exec(file_path)?.[1]) - 1;
      return cameraOnPath(PROGRESS[index] ?? 0, SIZE.width);
    });
    poses.forEach((pose, i) => {
      // How much each camera looks down is the same in both worlds if z is up in both.
      expect(Math.abs(-column(pose, 2)[2] - (truth[i]?.forward[2] ?? 0))).toBeLessThan(0.1);
    });
    const first = places[0];
    const last = places.at(-1);
    const trueFirst = truth[0]?.position;
    const trueLast = truth.at(-1)?.position;
    if (!first || !last || !trueFirst || !trueLast) throw new Error("there are frames");
    const span = Math.hypot(...subtract(last, first));
    const trueSpan = Math.hypot(...subtract(trueLast, trueFirst));
    places.forEach((place, i) => {
      const share = Math.hypot(...subtract(place, first)) / span;
      const trueShare = Math.hypot(...subtract(truth[i]?.position ?? [0, 0, 0], trueFirst)) / trueSpan;
      expect(Math.abs(share - trueShare)).toBeLessThan(0.1);
    });
    // Small pictures along a short arc do not tell the focal length well.
    expect(Math.abs(largestLens(transforms).fl_x / (truth[0]?.focal ?? 1) - 1)).toBeLessThan(0.25);
  });
});
