import type { Similarity } from "./normalize.ts";
import { apply, dot, length, type Matrix3, scale, subtract, type Vector3 } from "./vectors.ts";

/**
 * The similarity from one set of points to another with the least squared errors (B. Horn, "Closed-form solution of
 * absolute orientation using unit quaternions", 1987).
 *
 * @param to as many points as `from`, in the same order
 * @returns null for fewer than three points, or for points that are all in one place
 */
export function fitSimilarity(from: readonly Vector3[], to: readonly Vector3[]): Similarity | null {
  if (from.length < 3 || from.length !== to.length) return null;
  const [fromMean, toMean] = [meanOf(from), meanOf(to)];
  const source = from.map((p) => subtract(p, fromMean));
  const target = to.map((p) => subtract(p, toMean));
  const [sourceSpread, targetSpread] = [spread(source), spread(target)];
  if (!(sourceSpread > 0) || !(targetSpread > 0)) return null;
  const factor = targetSpread / sourceSpread;
  const sum = (i: 0 | 1 | 2, j: 0 | 1 | 2) =>
    source.reduce((total, p, k) => total + p[i] * (target[k]?.[j] ?? 0), 0);
  const [xx, xy, xz] = [sum(0, 0), sum(0, 1), sum(0, 2)];
  const [yx, yy, yz] = [sum(1, 0), sum(1, 1), sum(1, 2)];
  const [zx, zy, zz] = [sum(2, 0), sum(2, 1), sum(2, 2)];
  const [w, x, y, z] = largestEigenvector([
    [xx + yy + zz, yz - zy, zx - xz, xy - yx],
    [yz - zy, xx - yy - zz, xy + yx, zx + xz],
    [zx - xz, xy + yx, yy - xx - zz, yz + zy],
    [xy - yx, zx + xz, yz + zy, zz - xx - yy],
  ]);
  const rotation: Matrix3 = [
    [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
    [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
    [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
  ];
  return { rotation, scale: factor, translation: subtract(toMean, scale(apply(rotation, fromMean), factor)) };
}

export function meanOf(points: readonly Vector3[]): Vector3 {
  const mean = (axis: 0 | 1 | 2) => points.reduce((sum, p) => sum + p[axis], 0) / points.length;
  return [mean(0), mean(1), mean(2)];
}

/** The root mean square distance from the origin. */
export function spread(points: readonly Vector3[]): number {
  return Math.sqrt(points.reduce((sum, p) => sum + dot(p, p), 0) / Math.max(1, points.length));
}

/** The extent of centred points across their longest direction, relative to the extent along it. */
export function widthOf(points: readonly Vector3[]): number {
  const farthest = points.reduce<Vector3>((most, p) => (length(p) > length(most) ? p : most), [0, 0, 0]);
  const along = scale(farthest, 1 / Math.max(1e-300, length(farthest)));
  const along2 = points.reduce((sum, p) => sum + dot(along, p) ** 2, 0);
  const all = points.reduce((sum, p) => sum + dot(p, p), 0);
  return Math.sqrt(Math.max(0, all - along2) / Math.max(1e-300, along2));
}

type Four = readonly [number, number, number, number];

const MAX_ITERATIONS = 2000;

/** By power iteration, on the matrix shifted so that its largest eigenvalue is also the largest in magnitude. */
function largestEigenvector(m: readonly [Four, Four, Four, Four]): Four {
  const shift = Math.max(...m.map((row) => row.reduce((sum, value) => sum + Math.abs(value), 0)));
  let v: Four = [1, 0.01, 0.02, 0.03];
  for (let iteration = 0; iteration < MAX_ITERATIONS; iteration++) {
    const [a, b, c, d] = m.map((row, i) =>
      row.reduce((sum, value, j) => sum + value * (v[j] ?? 0), shift * (v[i] ?? 0)),
    );
    const norm = Math.hypot(a ?? 0, b ?? 0, c ?? 0, d ?? 0);
    const next: Four = [(a ?? 0) / norm, (b ?? 0) / norm, (c ?? 0) / norm, (d ?? 0) / norm];
    const moved = Math.hypot(...next.map((value, i) => value - (v[i] ?? 0)));
    v = next;
    if (moved < 1e-12) break;
  }
  return v;
}
