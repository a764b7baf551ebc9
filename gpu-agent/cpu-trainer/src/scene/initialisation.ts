import type { PointCloud } from "@splatt/formats";
import type { PinholeCamera } from "../dataset/camera.ts";
import { meanNeighborDistances } from "./nearest-neighbors.ts";
import type { Random } from "./random.ts";

/** Points with colours 0–1 that gaussians start from. */
export interface SeedPoints {
  readonly count: number;
  /** How many of them are points of the cloud; the others are random. */
  readonly sparsePoints: number;
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
  const kept = withoutHeaps(cloud, keepUsable(cloud, cameras, options.atMost, random));
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
  return {
    count,
    sparsePoints: kept.length,
    positions,
    colors,
    scales: meanNeighborDistances(positions, NEIGHBORS),
  };
}

/** Indices of the points with a colour that a camera could see; a random sample when there are too many. */
function keepUsable(
  cloud: PointCloud,
  cameras: readonly PinholeCamera[],
  atMost: number,
  random: Random,
): Int32Array {
  const usable = Int32Array.from({ length: cloud.count }, (_, i) => i).filter(
    (i) =>
      [0, 1, 2].every((channel) => Number.isFinite(cloud.colors[3 * i + channel])) &&
      isInView(cloud.positions, 3 * i, cameras),
  );
  for (let i = 0; i < Math.min(atMost, usable.length - 1) && usable.length > atMost; i++) {
    const j = i + random.below(usable.length - i);
    [usable[i], usable[j]] = [usable[j] as number, usable[i] as number];
  }
  return usable.subarray(0, atMost).sort();
}

/**
 * How far outside a picture a point may be, as a multiple of the picture's half size: a gaussian has a size, and may
 * reach in.
 */
const VIEW_MARGIN = 1.5;

/** Floats are too coarse to project points that are farther away. The cameras are at most 1 from their centre. */
const FARTHEST = 1e6;

/** Whether a point is finite and in, or not far from, some camera's view. Other points could never be trained. */
function isInView(positions: Float32Array, at: number, cameras: readonly PinholeCamera[]): boolean {
  const [x, y, z] = [positions[at] as number, positions[at + 1] as number, positions[at + 2] as number];
  return cameras.some(({ rotation, translation, width, height, focalX, focalY, centerX, centerY }) => {
    const along = (row: 0 | 1 | 2) =>
      (rotation[3 * row] as number) * x +
      (rotation[3 * row + 1] as number) * y +
      (rotation[3 * row + 2] as number) * z +
      translation[row];
    const depth = along(2);
    if (!(depth > 0 && depth < FARTHEST)) return false;
    const column = (along(0) / depth) * focalX + centerX - width / 2;
    const row = (along(1) / depth) * focalY + centerY - height / 2;
    return Math.abs(column) < (VIEW_MARGIN * width) / 2 && Math.abs(row) < (VIEW_MARGIN * height) / 2;
  });
}

/** Points whose nearest ones are this near are one. The cameras are at most 1 from their centre. */
const COINCIDENT = 1e-7;

/** Without the points that coincide with at least three others: as gaussians they would have no size. */
function withoutHeaps(cloud: PointCloud, points: Int32Array): Int32Array {
  const positions = new Float32Array(3 * points.length);
  points.forEach((point, i) => {
    positions.set(cloud.positions.subarray(3 * point, 3 * point + 3), 3 * i);
  });
  const distances = meanNeighborDistances(positions, NEIGHBORS);
  return points.filter((_, i) => (distances[i] as number) > COINCIDENT);
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
