import type { PinholeCamera } from "@splatt/cpu-trainer";
import type { PointCloud, SplatCloud } from "@splatt/formats";

/*
 * Gaussians that no photo asked for. Each rule only names candidates: whether they go is decided by the held-out
 * frames.
 */

/** Gaussians in view of fewer training cameras than this have no second view that confirms them. */
const LEAST_CAMERAS = 2;
/** Of a camera's distance to the nearest points: what is nearer hangs in front of it. */
const IN_FRONT = 0.4;
/** The shares of the sparse points at which the scene begins and ends. A few are wrong. */
const NEAREST_SHARE = 0.01;
const FARTHEST_SHARE = 0.99;
/** How many times as far as the farthest points fog begins. */
const FOG_FROM = 1.5;
const LEAST_POINTS = 20;

export interface PruningRule {
  readonly name: "unseen" | "in front" | "fog";
  /**
   * As indices, the least visible first: some gaussians far outside the scene are the sky, or reach into the pictures.
   */
  readonly candidates: readonly number[];
}

/** @param points that structure from motion found */
export function pruningRules(
  cloud: SplatCloud,
  points: PointCloud,
  cameras: readonly PinholeCamera[],
): PruningRule[] {
  const seenBy = new Uint16Array(cloud.count);
  const isInFront = new Uint8Array(cloud.count);
  for (const camera of cameras) {
    const nearest = shareOf(depthsInView(points.positions, camera), NEAREST_SHARE);
    for (let i = 0; i < cloud.count; i++) {
      const depth = depthInView(cloud.positions, i, camera);
      if (depth === null) continue;
      seenBy[i] = (seenBy[i] as number) + 1;
      if (nearest !== null && depth < IN_FRONT * nearest) isInFront[i] = 1;
    }
  }
  const where = (test: (gaussian: number) => boolean) =>
    Array.from({ length: cloud.count }, (_, i) => i)
      .filter(test)
      .map((gaussian) => ({ gaussian, visibility: visibilityOf(cloud, gaussian, cameras) }))
      .sort((a, b) => a.visibility - b.visibility)
      .map(({ gaussian }) => gaussian);
  const centre = centreOf(cameras);
  const farthest = shareOf(
    Array.from({ length: points.count }, (_, i) => distanceFrom(centre, points.positions, i)),
    FARTHEST_SHARE,
  );
  return [
    { name: "unseen", candidates: where((i) => (seenBy[i] as number) < LEAST_CAMERAS) },
    { name: "in front", candidates: where((i) => isInFront[i] === 1) },
    {
      name: "fog",
      candidates:
        farthest === null ? [] : where((i) => distanceFrom(centre, cloud.positions, i) > FOG_FROM * farthest),
    },
  ];
}

/**
 * How much of a picture a gaussian could cover, at most: opacity times its greatest extent, from the nearest camera.
 */
function visibilityOf(cloud: SplatCloud, gaussian: number, cameras: readonly PinholeCamera[]): number {
  let nearest = Number.POSITIVE_INFINITY;
  for (const { position } of cameras) {
    nearest = Math.min(nearest, distanceFrom(position, cloud.positions, gaussian));
  }
  const largest = Math.max(...cloud.logScales.subarray(3 * gaussian, 3 * gaussian + 3));
  const opacity = 1 / (1 + Math.exp(-(cloud.opacities[gaussian] as number)));
  return opacity * (Math.exp(largest) / nearest) ** 2;
}

/** The depth of a point in front of a camera, within its picture; null elsewhere. */
function depthInView(positions: Float32Array, point: number, camera: PinholeCamera): number | null {
  const { rotation, translation, focalX, focalY, centerX, centerY, width, height } = camera;
  const depth = along(rotation, translation, 2, positions, point);
  if (!(depth > 0)) return null;
  const column = (along(rotation, translation, 0, positions, point) / depth) * focalX + centerX;
  const row = (along(rotation, translation, 1, positions, point) / depth) * focalY + centerY;
  return column >= 0 && row >= 0 && column < width && row < height ? depth : null;
}

/** A point's coordinate along an axis of a camera. Called for every gaussian and camera. */
function along(
  rotation: readonly number[],
  translation: readonly number[],
  axis: number,
  positions: Float32Array,
  point: number,
): number {
  return (
    (rotation[3 * axis] as number) * (positions[3 * point] as number) +
    (rotation[3 * axis + 1] as number) * (positions[3 * point + 1] as number) +
    (rotation[3 * axis + 2] as number) * (positions[3 * point + 2] as number) +
    (translation[axis] as number)
  );
}

function depthsInView(positions: Float32Array, camera: PinholeCamera): number[] {
  return Array.from({ length: positions.length / 3 }, (_, i) => depthInView(positions, i, camera)).filter(
    (depth) => depth !== null,
  );
}

/** The value below which a share of all is; null of too few. */
function shareOf(values: readonly number[], share: number): number | null {
  if (values.length < LEAST_POINTS) return null;
  return values.toSorted((a, b) => a - b)[Math.floor(share * (values.length - 1))] ?? null;
}

function centreOf(cameras: readonly PinholeCamera[]): number[] {
  return [0, 1, 2].map(
    (axis) =>
      cameras.reduce((sum, { position }) => sum + (position[axis] as number), 0) /
      Math.max(1, cameras.length),
  );
}

function distanceFrom(
  [x = 0, y = 0, z = 0]: readonly number[],
  positions: Float32Array,
  point: number,
): number {
  const [dx, dy, dz] = [
    (positions[3 * point] as number) - x,
    (positions[3 * point + 1] as number) - y,
    (positions[3 * point + 2] as number) - z,
  ];
  return Math.sqrt(dx * dx + dy * dy + dz * dz);
}
