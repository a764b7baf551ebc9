import type { PointCloud } from "@splatt/formats";
import type { PinholeCamera } from "../dataset/camera.ts";
import { meanNeighborDistances } from "./nearest-neighbors.ts";
import type { Random } from "./random.ts";

/** Points with colours 0–1 that gaussians start from. */
export interface SeedPoints {
  readonly count: number;
  readonly positions: Float32Array;
  readonly colors: Float32Array;
  /** Standard deviation of each gaussian: the mean distance to its nearest neighbours. */
  readonly scales: Float32Array;
}

const NEIGHBORS = 3;

export interface SeedOptions {
  /** Random points are added to fewer points than this. */
  readonly atLeast: number;
  readonly atMost: number;
}

/**
 * Chooses the initial points: the sparse points, and random points in view of the cameras when there are few.
 */
export function seedPoints(
  cloud: PointCloud,
  cameras: readonly PinholeCamera[],
  options: SeedOptions,
  random: Random,
): SeedPoints {
  const kept = keepFinite(cloud, options.atMost, random);
  const missing = Math.max(0, Math.min(options.atLeast, options.atMost) - kept.length);
  const count = kept.length + missing;
  const positions = new Float32Array(3 * count);
  const colors = new Float32Array(3 * count);
  kept.forEach((point, i) => {
    for (let axis = 0; axis < 3; axis++) {
      positions[3 * i + axis] = cloud.positions[3 * point + axis] as number;
      colors[3 * i + axis] = (cloud.colors[3 * point + axis] as number) / 255;
    }
  });
  if (missing > 0) {
    const depths = depthRange(positions.subarray(0, 3 * kept.length), cameras);
    for (let i = kept.length; i < count; i++) {
      const camera = cameras[random.below(cameras.length)] as PinholeCamera;
      positions.set(randomPointInView(camera, depths, random), 3 * i);
      for (let channel = 0; channel < 3; channel++) colors[3 * i + channel] = 0.25 + 0.5 * random.next();
    }
  }
  return { count, positions, colors, scales: meanNeighborDistances(positions, NEIGHBORS) };
}

/** Indices of the finite points; a random sample when there are too many. */
function keepFinite(cloud: PointCloud, atMost: number, random: Random): Int32Array {
  const finite = Int32Array.from({ length: cloud.count }, (_, i) => i).filter((i) =>
    [0, 1, 2].every((axis) => Number.isFinite(cloud.positions[3 * i + axis])),
  );
  for (let i = 0; i < Math.min(atMost, finite.length - 1) && finite.length > atMost; i++) {
    const j = i + random.below(finite.length - i);
    [finite[i], finite[j]] = [finite[j] as number, finite[i] as number];
  }
  return finite.subarray(0, atMost).sort();
}

/** The range of camera depths that contains nearly all points. */
function depthRange(positions: Float32Array, cameras: readonly PinholeCamera[]): readonly [number, number] {
  const depths: number[] = [];
  for (const { rotation, translation } of cameras) {
    for (let i = 0; i < positions.length; i += 3) {
      const depth =
        (rotation[6] as number) * (positions[i] as number) +
        (rotation[7] as number) * (positions[i + 1] as number) +
        (rotation[8] as number) * (positions[i + 2] as number) +
        translation[2];
      if (depth > 0) depths.push(depth);
    }
  }
  if (depths.length < 100) return DEPTHS_WITHOUT_POINTS;
  const sorted = Float64Array.from(depths).sort();
  const quantile = (q: number) => sorted[Math.floor(q * (sorted.length - 1))] as number;
  return [quantile(0.02), quantile(0.98)];
}

/** The cameras' distances from their centre are at most 1, and they look at something of about that size. */
const DEPTHS_WITHOUT_POINTS = [0.3, 4] as const;

/** Evenly spread over the picture and over 1/depth. */
function randomPointInView(
  camera: PinholeCamera,
  [near, far]: readonly [number, number],
  random: Random,
): [number, number, number] {
  const depth = 1 / (1 / far + random.next() * (1 / near - 1 / far));
  const x = ((random.next() * camera.width - camera.centerX) / camera.focalX) * depth;
  const y = ((random.next() * camera.height - camera.centerY) / camera.focalY) * depth;
  const world = (axis: number) =>
    (camera.rotation[axis] as number) * x +
    (camera.rotation[3 + axis] as number) * y +
    (camera.rotation[6 + axis] as number) * depth +
    (camera.position[axis] as number);
  return [world(0), world(1), world(2)];
}
