import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Lens, lensOf, type Matrix4, type PosedFrame, type Transforms, writePly } from "@splatt/formats";
import sharp from "sharp";
import type { Rgb } from "../dataset/exposure.ts";
import { type Distortion, distort } from "../dataset/undistortion.ts";
import { Random } from "../scene/random.ts";

type Vector = readonly [number, number, number];

/** The settings of a synthetic capture: a patterned ball in a patterned room. */
export interface SyntheticOptions {
  readonly frames: number;
  readonly width: number;
  readonly height: number;
  /** Every n-th frame is held out; 0 for none. */
  readonly holdOutEvery?: number;
  readonly points?: number;
  readonly lens?: Distortion;
  /** Every other frame is of a camera held upright, with another focal length. */
  readonly secondCamera?: boolean;
  /** What the colours of a frame are multiplied by, as automatic exposure and white balance do. */
  readonly gainOf?: (frame: number) => Rgb;
}

const NO_DISTORTION: Distortion = { k1: 0, k2: 0, p1: 0, p2: 0 };

/**
 * Photographs a small scene by ray casting and writes it as a dataset like that of the poses stage.
 * The photos are PNGs with 2 × 2 samples a pixel, distorted by `lens`.
 */
export async function writeSyntheticDataset(dir: string, options: SyntheticOptions): Promise<Transforms> {
  const { frames, width, height, holdOutEvery = 5, points = 1500, lens = NO_DISTORTION } = options;
  const focal = 0.8 * width;
  const poses = Array.from({ length: frames }, (_, i) => orbitPose(i, frames));
  const names = poses.map((_, i) => `./images/frame_${String(i + 1).padStart(5, "0")}.png`);
  const isHeldOut = (_: unknown, i: number) =>
    holdOutEvery > 0 && i % holdOutEvery === Math.floor(holdOutEvery / 2);
  const first: Lens = {
    w: width,
    h: height,
    fl_x: focal,
    fl_y: focal * 1.01,
    cx: width / 2 + 0.7,
    cy: height / 2 - 0.4,
    ...lens,
  };
  const second = {
    ...first,
    w: height,
    h: width,
    fl_x: 1.2 * focal,
    fl_y: 1.2 * focal,
    cx: height / 2,
    cy: width / 2,
  };
  const { secondCamera = false } = options;
  const transforms: Transforms = {
    camera_model: "OPENCV",
    ...(secondCamera ? {} : first),
    frames: poses.map((transform_matrix, i): PosedFrame => {
      const own = i % 2 === 0 ? first : second;
      return { file_path: names[i] as string, transform_matrix, ...(secondCamera ? own : {}) };
    }),
    train_filenames: names.filter((name, i) => !isHeldOut(name, i)),
    val_filenames: names.filter(isHeldOut),
    test_filenames: names.filter(isHeldOut),
    applied_transform: [
      [1, 0, 0, 0],
      [0, 1, 0, 0],
      [0, 0, 1, 0],
    ],
    applied_scale: 1,
    ply_file_path: "sparse_pc.ply",
  };
  await mkdir(join(dir, "images"), { recursive: true });
  await writeFile(join(dir, "transforms.json"), JSON.stringify(transforms));
  await writeSparsePoints(join(dir, "sparse_pc.ply"), poses, points, width / focal);
  for (const [i, frame] of transforms.frames.entries()) {
    const camera = lensOf(transforms, frame);
    const photo = photograph(frame.transform_matrix, camera, options.gainOf?.(i) ?? [1, 1, 1]);
    await sharp(photo, { raw: { width: camera.w, height: camera.h, channels: 3 } })
      .png()
      .toFile(join(dir, names[i] as string));
  }
  return transforms;
}

/** On a circle of radius 1, bobbing up and down, looking at the ball; OpenGL axes. */
function orbitPose(i: number, frames: number): Matrix4 {
  const angle = (2 * Math.PI * i) / frames;
  const [sin, cos] = [Math.sin(angle), Math.cos(angle)];
  const tilt = 0.25 * Math.sin(3 * angle);
  const position: Vector = [sin * Math.cos(tilt), Math.sin(tilt), cos * Math.cos(tilt)];
  const back = position;
  const right: Vector = [cos, 0, -sin];
  const up = cross(back, right);
  const row = (axis: 0 | 1 | 2): [number, number, number, number] => [
    right[axis],
    up[axis],
    back[axis],
    position[axis],
  ];
  return [row(0), row(1), row(2), [0, 0, 0, 1]];
}

function photograph(pose: Matrix4, camera: Lens, gain: Rgb): Buffer {
  const { w, h } = camera;
  const photo = Buffer.alloc(3 * w * h);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const sum = [0, 0, 0];
      for (const [sx, sy] of [
        [0.25, 0.25],
        [0.75, 0.25],
        [0.25, 0.75],
        [0.75, 0.75],
      ] as const) {
        const target = [(x + sx - camera.cx) / camera.fl_x, (y + sy - camera.cy) / camera.fl_y] as const;
        const { color } = cast(pose, undistorted(target, camera));
        for (const c of [0, 1, 2] as const) sum[c] = (sum[c] as number) + color[c] / 4;
      }
      for (const c of [0, 1, 2] as const) {
        photo[3 * (y * w + x) + c] = Math.round(255 * Math.min(1, gain[c] * (sum[c] as number)));
      }
    }
  }
  return photo;
}

/** The inverse of `distort`, by fixed-point iteration. */
function undistorted([x, y]: readonly [number, number], lens: Distortion): readonly [number, number] {
  let [ux, uy] = [x, y];
  for (let i = 0; i < 20; i++) {
    const at = distort(ux, uy, lens);
    if (at === null) break;
    [ux, uy] = [ux + x - at[0], uy + y - at[1]];
  }
  return [ux, uy];
}

/** Follows the ray through (x, y) on the image plane at distance 1 to what it hits. */
function cast(pose: Matrix4, [x, y]: readonly [number, number]): { position: Vector; color: Vector } {
  const [r0, r1, r2] = pose;
  const origin: Vector = [r0[3], r1[3], r2[3]];
  const along = (row: readonly number[]) =>
    (row[0] as number) * x - (row[1] as number) * y - (row[2] as number);
  const direction = normalised([along(r0), along(r1), along(r2)]);
  const ball = hitBall(origin, direction);
  const distance = ball ?? hitRoom(origin, direction);
  const position = [0, 1, 2].map(
    (axis) => (origin[axis] as number) + distance * (direction[axis] as number),
  ) as unknown as Vector;
  return { position, color: ball === null ? roomColor(position) : ballColor(position) };
}

const BALL_RADIUS = 0.35;
const ROOM = 1.8;

function hitBall(origin: Vector, direction: Vector): number | null {
  const b = dot(origin, direction);
  const discriminant = b * b - dot(origin, origin) + BALL_RADIUS ** 2;
  if (discriminant < 0) return null;
  const distance = -b - Math.sqrt(discriminant);
  return distance > 0 ? distance : null;
}

/** The wall that a ray hits from inside a cube. */
function hitRoom(origin: Vector, direction: Vector): number {
  return Math.min(
    ...origin.map((from, axis) => {
      const step = direction[axis] as number;
      return step === 0 ? Number.POSITIVE_INFINITY : (Math.sign(step) * ROOM - from) / step;
    }),
  );
}

function ballColor([x, y, z]: Vector): Vector {
  const stripes = Math.sin(14 * x + 5 * Math.sin(9 * y));
  const shade = 0.6 + 0.4 * (y / BALL_RADIUS);
  return [0.5 + 0.4 * stripes * shade, 0.45 + 0.3 * shade * Math.cos(11 * z), 0.3 + 0.2 * shade];
}

function roomColor([x, y, z]: Vector): Vector {
  const wave = Math.sin(3 * x + 2 * y) * Math.cos(2.5 * z - y);
  const tiles = (Math.floor(2 * x) + Math.floor(2 * y) + Math.floor(2 * z)) & 1 ? 0.12 : -0.12;
  return [0.5 + 0.25 * wave + tiles, 0.5 + 0.25 * Math.sin(2 * z + x) + tiles, 0.55 - 0.2 * wave + tiles];
}

/** Points on the surfaces, seen from random places in random photos. */
async function writeSparsePoints(
  path: string,
  poses: readonly Matrix4[],
  count: number,
  view: number,
): Promise<void> {
  const random = new Random(count);
  const points = Array.from({ length: count }, () => {
    const pose = poses[random.below(poses.length)] as Matrix4;
    return cast(pose, [(random.next() - 0.5) * view, (random.next() - 0.5) * view]);
  });
  const fields = [
    ...["x", "y", "z"].map((name) => ({ name, type: "float" as const })),
    ...["red", "green", "blue"].map((name) => ({ name, type: "uchar" as const })),
  ];
  await writePly(path, count, fields, (view, offset, i) => {
    const { position, color } = points[i] as { position: Vector; color: Vector };
    for (const axis of [0, 1, 2] as const) {
      view.setFloat32(offset + 4 * axis, position[axis], true);
      view.setUint8(offset + 12 + axis, Math.round(255 * Math.min(1, Math.max(0, color[axis]))));
    }
  });
}

function dot(a: Vector, b: Vector): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

function cross(a: Vector, b: Vector): Vector {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

function normalised(v: Vector): Vector {
  const length = Math.hypot(...v);
  return [v[0] / length, v[1] / length, v[2] / length];
}
