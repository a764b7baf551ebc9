import { emptySplatCloud, type SplatCloud } from "@splatt/formats";
import { cross, type Matrix3, quaternionOf, symmetricEigen, transpose } from "../../poses/vectors.ts";

/** Merged gaussians that overlap would be more than opaque. */
const MAX_OPACITY = 0.999;
/** The least variance: rounding could make it negative. */
const MIN_VARIANCE = 1e-24;

/**
 * Replaces each run of `size` gaussians by one with the same centre, extent and colour: the moments of the mixture,
 * where each counts by what it covers. The last run may be shorter.
 */
export function mergeGaussians(cloud: SplatCloud, size: number): SplatCloud {
  const merged = emptySplatCloud(Math.ceil(cloud.count / size), cloud.shDegree);
  const perGaussian = cloud.count === 0 ? 0 : cloud.rest.length / cloud.count;
  for (let target = 0; target < merged.count; target++) {
    const [start, end] = [target * size, Math.min((target + 1) * size, cloud.count)];
    const covered = Array.from({ length: end - start }, (_, i) => coveredBy(cloud, start + i));
    const total = covered.reduce((sum, value) => sum + value, 0);
    // Where all are invisible, all count the same.
    const weights = covered.map((value) => (total > 0 ? value / total : 1 / covered.length));
    for (const [field, width] of [
      ["positions", 3],
      ["dc", 3],
      ["rest", perGaussian],
    ] as const) {
      for (let part = 0; part < width; part++) {
        merged[field][target * width + part] = weights.reduce(
          (sum, weight, i) => sum + weight * (cloud[field][(start + i) * width + part] as number),
          0,
        );
      }
    }
    setShape(merged, target, covarianceOf(cloud, start, weights, merged.positions.subarray(3 * target)));
    const opacity = Math.min(MAX_OPACITY, total / areaOf(merged, target));
    merged.opacities[target] = Math.log(opacity / (1 - opacity));
  }
  return merged;
}

/** What a gaussian hides of a picture, up to a constant. */
function coveredBy(cloud: SplatCloud, i: number): number {
  return areaOf(cloud, i) / (1 + Math.exp(-(cloud.opacities[i] as number)));
}

/** The area that a gaussian has in pictures from all sides, up to a constant. */
function areaOf({ logScales }: SplatCloud, i: number): number {
  const [a, b, c] = [0, 1, 2].map((axis) => Math.exp(logScales[3 * i + axis] as number)) as [
    number,
    number,
    number,
  ];
  return a * b + b * c + c * a;
}

/** The covariance of a mixture of the gaussians from `start` on, about their centre. */
function covarianceOf(
  cloud: SplatCloud,
  start: number,
  weights: readonly number[],
  center: Float32Array,
): Matrix3 {
  const sums = [0, 0, 0, 0, 0, 0];
  weights.forEach((weight, i) => {
    const own = covariance(cloud, start + i);
    const [x, y, z] = [0, 1, 2].map(
      (axis) => (cloud.positions[3 * (start + i) + axis] as number) - (center[axis] as number),
    ) as [number, number, number];
    const offsets = [x * x, x * y, x * z, y * y, y * z, z * z];
    for (let j = 0; j < 6; j++) {
      sums[j] = (sums[j] as number) + weight * ((own[j] as number) + (offsets[j] as number));
    }
  });
  const [xx, xy, xz, yy, yz, zz] = sums as [number, number, number, number, number, number];
  return [
    [xx, xy, xz],
    [xy, yy, yz],
    [xz, yz, zz],
  ];
}

/** [xx, xy, xz, yy, yz, zz] of a gaussian. */
export function covariance({ rotations, logScales }: SplatCloud, i: number): number[] {
  const [w, x, y, z] = rotations.subarray(4 * i, 4 * i + 4) as unknown as [number, number, number, number];
  const s = 2 / (w * w + x * x + y * y + z * z);
  const [a, b, c] = [0, 1, 2].map((axis) => Math.exp(2 * (logScales[3 * i + axis] as number))) as [
    number,
    number,
    number,
  ];
  const [r00, r01, r02] = [1 - s * (y * y + z * z), s * (x * y - w * z), s * (x * z + w * y)];
  const [r10, r11, r12] = [s * (x * y + w * z), 1 - s * (x * x + z * z), s * (y * z - w * x)];
  const [r20, r21, r22] = [s * (x * z - w * y), s * (y * z + w * x), 1 - s * (x * x + y * y)];
  return [
    a * r00 * r00 + b * r01 * r01 + c * r02 * r02,
    a * r00 * r10 + b * r01 * r11 + c * r02 * r12,
    a * r00 * r20 + b * r01 * r21 + c * r02 * r22,
    a * r10 * r10 + b * r11 * r11 + c * r12 * r12,
    a * r10 * r20 + b * r11 * r21 + c * r12 * r22,
    a * r20 * r20 + b * r21 * r21 + c * r22 * r22,
  ];
}

function setShape(cloud: SplatCloud, i: number, shape: Matrix3): void {
  const { values, vectors } = symmetricEigen(shape);
  const [first, second] = vectors;
  // A rotation: no reflection.
  cloud.rotations.set(quaternionOf(transpose([first, second, cross(first, second)])), 4 * i);
  cloud.logScales.set(
    values.map((value) => 0.5 * Math.log(Math.max(MIN_VARIANCE, value))),
    3 * i,
  );
}
