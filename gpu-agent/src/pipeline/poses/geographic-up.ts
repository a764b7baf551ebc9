import type { Place } from "./colmap-step.ts";
import { dot, length, normalized, subtract, type Vector3 } from "./vectors.ts";

/** An image's position in the model, and where it was taken. */
export interface LocatedCamera {
  readonly position: Vector3;
  /** Metres: x east, y north, z up. */
  readonly place: Place;
}

/** Receivers are good to a few metres: over a smaller extent, positions tell no direction. */
const MIN_EXTENT_METRES = 15;
const MIN_CAMERAS = 5;
/** The positions must not lie in a line: their smaller extent relative to the larger. */
const MIN_WIDTH = 0.15;
/** The root mean square error of the fit relative to the extent, above which it is not believed. */
const MAX_ERROR = 0.25;

/**
 * The direction that is up according to the GPS positions of photos: the rotation between the model and the earth with
 * the least squared errors (B. Horn, "Closed-form solution of absolute orientation using unit quaternions", 1987).
 *
 * @returns null when the positions do not determine it
 */
export function upFromPlaces(
  cameras: readonly LocatedCamera[],
): { direction: Vector3; confidence: number } | null {
  if (cameras.length < MIN_CAMERAS) return null;
  const from = centred(cameras.map(({ position }) => position));
  const to = centred(cameras.map(({ place }) => place));
  const extent = Math.sqrt(meanSquare(to));
  if (extent < MIN_EXTENT_METRES || widthOf(from) < MIN_WIDTH || widthOf(to) < MIN_WIDTH) return null;
  const factor = extent / Math.sqrt(meanSquare(from));
  const sum = (i: 0 | 1 | 2, j: 0 | 1 | 2) =>
    from.reduce((total, p, k) => total + p[i] * (to[k]?.[j] ?? 0), 0);
  const [xx, xy, xz] = [sum(0, 0), sum(0, 1), sum(0, 2)];
  const [yx, yy, yz] = [sum(1, 0), sum(1, 1), sum(1, 2)];
  const [zx, zy, zz] = [sum(2, 0), sum(2, 1), sum(2, 2)];
  const [w, x, y, z] = largestEigenvector([
    [xx + yy + zz, yz - zy, zx - xz, xy - yx],
    [yz - zy, xx - yy - zz, xy + yx, zx + xz],
    [zx - xz, xy + yx, yy - xx - zz, yz + zy],
    [xy - yx, zx + xz, yz + zy, zz - xx - yy],
  ]);
  const rotation: readonly [Vector3, Vector3, Vector3] = [
    [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
    [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
    [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
  ];
  const errors = from.map((p, k): Vector3 => {
    const target = to[k] ?? [0, 0, 0];
    return [
      factor * dot(rotation[0], p) - target[0],
      factor * dot(rotation[1], p) - target[1],
      factor * dot(rotation[2], p) - target[2],
    ];
  });
  const error = Math.sqrt(meanSquare(errors)) / extent;
  if (error > MAX_ERROR) return null;
  // The earth's up, turned into the model's world.
  return { direction: normalized(rotation[2]), confidence: Math.round(100 * (1 - 2 * error)) / 100 };
}

function centred(points: readonly Vector3[]): Vector3[] {
  const mean = (axis: 0 | 1 | 2) => points.reduce((sum, p) => sum + p[axis], 0) / points.length;
  const centre: Vector3 = [mean(0), mean(1), mean(2)];
  return points.map((p) => subtract(p, centre));
}

function meanSquare(points: readonly Vector3[]): number {
  return points.reduce((sum, p) => sum + dot(p, p), 0) / points.length;
}

/** The extent across the longest direction, relative to the extent along it. */
function widthOf(points: readonly Vector3[]): number {
  const farthest = points.reduce((most, p) => (length(p) > length(most) ? p : most), [0, 0, 0] as Vector3);
  const along = normalized(farthest);
  const along2 = points.reduce((sum, p) => sum + dot(along, p) ** 2, 0);
  const all = points.reduce((sum, p) => sum + dot(p, p), 0);
  return Math.sqrt(Math.max(0, all - along2) / Math.max(1e-12, along2));
}

type Four = readonly [number, number, number, number];

/** By power iteration, on the matrix shifted so that its largest eigenvalue is also the largest in magnitude. */
function largestEigenvector(m: readonly [Four, Four, Four, Four]): Four {
  const shift = Math.max(...m.map((row) => row.reduce((sum, value) => sum + Math.abs(value), 0)));
  let v: Four = [1, 0.01, 0.02, 0.03];
  for (let iteration = 0; iteration < 2000; iteration++) {
    const next = m.map((row, i) =>
      row.reduce((sum, value, j) => sum + value * (v[j] ?? 0), shift * (v[i] ?? 0)),
    );
    const norm = Math.hypot(...next);
    v = [(next[0] ?? 0) / norm, (next[1] ?? 0) / norm, (next[2] ?? 0) / norm, (next[3] ?? 0) / norm];
  }
  return v;
}
