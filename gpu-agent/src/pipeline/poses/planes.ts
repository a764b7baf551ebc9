import type { ColmapPoint } from "./colmap-model.ts";
import { pseudoRandom } from "./pseudo-random.ts";
import { cross, dot, length, normalized, subtract, symmetricEigen, type Vector3 } from "./vectors.ts";

/** A large plane in the scene: a floor, a table, a wall. */
export interface ScenePlane {
  /** Of length 1, towards most of the cameras. */
  readonly normal: Vector3;
  /** The share of the points in it, 0–1. */
  readonly share: number;
}

/** A sample of this many points is enough. */
const MAX_POINTS = 2000;
const TRIALS = 300;
const MAX_PLANES = 3;
/** A plane of a smaller share of the points may be chance. */
const MIN_SHARE = 0.12;
/** Half of a plane's thickness, relative to the median distance of the points from their middle. */
const THICKNESS = 0.03;

/**
 * The largest planes of the scene, the largest first (RANSAC; Fischler and Bolles, 1981). Equal input gives equal
 * planes.
 *
 * @param cameras the cameras' positions
 */
export function largestPlanes(points: readonly ColmapPoint[], cameras: readonly Vector3[]): ScenePlane[] {
  const reliable = points.filter(({ track }) => track.length >= 6);
  const stride = Math.max(1, Math.ceil(reliable.length / MAX_POINTS));
  const sample = reliable.filter((_, i) => i % stride === 0).map(({ position }) => position);
  if (sample.length < 50) return [];
  const middle = medianPoint(sample);
  const distances = sample.map((p) => length(subtract(p, middle))).toSorted((a, b) => a - b);
  const thickness = THICKNESS * (distances[distances.length >> 1] ?? 0);
  const random = pseudoRandom(7);
  const planes: ScenePlane[] = [];
  let rest = sample;
  while (planes.length < MAX_PLANES && rest.length >= MIN_SHARE * sample.length) {
    const inliers = bestInliers(rest, thickness, random);
    if (inliers.length < MIN_SHARE * sample.length) break;
    const { normal, through } = fitPlane(inliers);
    const above = cameras.filter((camera) => dot(normal, subtract(camera, through)) > 0).length;
    const sign = 2 * above >= cameras.length ? 1 : -1;
    planes.push({
      normal: [sign * normal[0], sign * normal[1], sign * normal[2]],
      share: inliers.length / sample.length,
    });
    const taken = new Set(inliers);
    rest = rest.filter((p) => !taken.has(p));
  }
  return planes;
}

function bestInliers(points: readonly Vector3[], thickness: number, random: () => number): Vector3[] {
  let best: Vector3[] = [];
  const pick = (): Vector3 => points[Math.floor(random() * points.length)] ?? [0, 0, 0];
  for (let trial = 0; trial < TRIALS; trial++) {
    const [a, b, c] = [pick(), pick(), pick()];
    const normal = normalized(cross(subtract(b, a), subtract(c, a)));
    if (length(normal) === 0) continue;
    const offset = dot(normal, a);
    const inliers = points.filter((p) => Math.abs(dot(normal, p) - offset) < thickness);
    if (inliers.length > best.length) best = inliers;
  }
  return best;
}

/** The plane with the least squared distances. */
function fitPlane(points: readonly Vector3[]): { normal: Vector3; through: Vector3 } {
  const mean = (axis: 0 | 1 | 2) => points.reduce((sum, p) => sum + p[axis], 0) / points.length;
  const through: Vector3 = [mean(0), mean(1), mean(2)];
  const moment = (i: 0 | 1 | 2, j: 0 | 1 | 2) =>
    points.reduce((sum, p) => sum + (p[i] - through[i]) * (p[j] - through[j]), 0) / points.length;
  const { vectors } = symmetricEigen([
    [moment(0, 0), moment(0, 1), moment(0, 2)],
    [moment(1, 0), moment(1, 1), moment(1, 2)],
    [moment(2, 0), moment(2, 1), moment(2, 2)],
  ]);
  return { normal: vectors[0], through };
}

function medianPoint(points: readonly Vector3[]): Vector3 {
  const middle = (axis: 0 | 1 | 2) =>
    points.map((p) => p[axis]).toSorted((a, b) => a - b)[points.length >> 1] ?? 0;
  return [middle(0), middle(1), middle(2)];
}
