import type { PinholeCamera } from "../dataset/camera.ts";
import { MAX_ALPHA } from "../kernels/blending.ts";
import { SSIM_C1, SSIM_C2, SSIM_RADIUS, SSIM_WINDOW } from "../kernels/loss.ts";
import { PARAM } from "../kernels/memory-layout.ts";
import { LOW_PASS, MIN_ALPHA, NEAR_PLANE } from "../kernels/projection.ts";
import { SH_C0, SH_C1, SH_C2, SH_C3 } from "../kernels/spherical-harmonics.ts";

/*
 * The kernels' computation in plain double-precision code without tiles, vectors, culling or early stops, straight
 * from the papers. It is the slow reference of the kernels' tests: they compare pictures with it, and gradients with
 * its finite differences.
 */

/** Gaussian parameters as rows of the parameter table, each with one number for every gaussian. */
export type ParamTable = readonly Float64Array[];

/** Red, green and blue, row by row; `width · height` numbers each. */
export type Planes = readonly [Float64Array, Float64Array, Float64Array];

interface Footprint {
  readonly depth: number;
  readonly x: number;
  readonly y: number;
  readonly conic: readonly [number, number, number];
  readonly opacity: number;
  readonly color: readonly [number, number, number];
}

export function renderReference(
  params: ParamTable,
  shDegree: number,
  camera: PinholeCamera,
  background: readonly number[],
  minAlpha = MIN_ALPHA,
): Planes {
  const { width, height } = camera;
  const count = at(params, 0).length;
  const footprints = Array.from({ length: count }, (_, i) => footprintOf(params, i, shDegree, camera))
    .filter((footprint) => footprint.depth > NEAR_PLANE)
    .toSorted((a, b) => a.depth - b.depth);
  const planes: Planes = [0, 1, 2].map(() => new Float64Array(width * height)) as unknown as Planes;
  for (let py = 0; py < height; py++) {
    for (let px = 0; px < width; px++) {
      let transmittance = 1;
      const color = [0, 0, 0];
      for (const { x, y, conic, opacity, color: own } of footprints) {
        const [dx, dy] = [px + 0.5 - x, py + 0.5 - y];
        const power = -0.5 * (conic[0] * dx * dx + conic[2] * dy * dy) - conic[1] * dx * dy;
        const alpha = Math.min(MAX_ALPHA, opacity * Math.exp(power));
        if (alpha < minAlpha) continue;
        for (const c of [0, 1, 2]) color[c] = at(color, c) + at(own, c) * alpha * transmittance;
        transmittance *= 1 - alpha;
      }
      for (const c of [0, 1, 2]) {
        (planes[c as 0] as Float64Array)[py * width + px] = at(color, c) + transmittance * at(background, c);
      }
    }
  }
  return planes;
}

function footprintOf(params: ParamTable, i: number, shDegree: number, camera: PinholeCamera): Footprint {
  const param = (row: number) => at(at(params, row), i);
  const vector = (row: number) => [param(row), param(row + 1), param(row + 2)];
  const view = [0, 1, 2].map((row) => camera.rotation.slice(3 * row, 3 * row + 3));
  const mean = vector(PARAM.mean);
  const position = view.map((row, axis) => dot(row, mean) + at(camera.translation, axis));
  const [px, py, depth] = position as [number, number, number];

  // Kerbl et al. 2023, eq. 5 and 6.
  const clamp = (value: number, limit: number) => Math.max(-limit, Math.min(limit, value));
  const tx = clamp(px / depth, jacobianLimit(camera.width, camera.focalX));
  const ty = clamp(py / depth, jacobianLimit(camera.height, camera.focalY));
  const jacobian = [
    [camera.focalX / depth, 0, (-camera.focalX * tx) / depth],
    [0, camera.focalY / depth, (-camera.focalY * ty) / depth],
  ];
  const rotation = rotationMatrix([0, 1, 2, 3].map((part) => param(PARAM.rotation + part)));
  const scale = vector(PARAM.logScale).map(Math.exp);
  const axes = rotation.map((row) => row.map((entry, j) => entry * at(scale, j)));
  const covariance = multiply(axes, transpose(axes));
  const toScreen = multiply(jacobian, view);
  const projected = multiply(multiply(toScreen, covariance), transpose(toScreen));
  const [xx, xy, yy] = [
    at(at(projected, 0), 0) + LOW_PASS,
    at(at(projected, 0), 1),
    at(at(projected, 1), 1) + LOW_PASS,
  ];
  const determinant = xx * yy - xy * xy;

  const offset = mean.map((value, axis) => value - at(camera.position, axis));
  const direction = offset.map((value) => value / Math.hypot(...offset));
  const basis = shBasisReference(direction as [number, number, number]).slice(0, (shDegree + 1) ** 2);
  const color = [0, 1, 2].map((channel) =>
    Math.max(
      0,
      basis.reduce((sum, value, k) => sum + value * param(PARAM.sh + 3 * k + channel), 0.5),
    ),
  );
  return {
    depth,
    x: (camera.focalX * px) / depth + camera.centerX,
    y: (camera.focalY * py) / depth + camera.centerY,
    conic: [yy / determinant, -xy / determinant, xx / determinant],
    opacity: 1 / (1 + Math.exp(-param(PARAM.opacity))),
    color: color as [number, number, number],
  };
}

/** The trainer's bound of |x/z| in the Jacobian: 1.3 times the half image. */
export function jacobianLimit(size: number, focal: number): number {
  return (1.3 * size) / (2 * focal);
}

export function shBasisReference([x, y, z]: readonly [number, number, number]): number[] {
  return [
    SH_C0,
    -SH_C1 * y,
    SH_C1 * z,
    -SH_C1 * x,
    SH_C2.product * x * y,
    -SH_C2.product * y * z,
    SH_C2.zonal * (3 * z * z - 1),
    -SH_C2.product * x * z,
    SH_C2.difference * (x * x - y * y),
    -SH_C3.sectoral * y * (3 * x * x - y * y),
    SH_C3.product * x * y * z,
    -SH_C3.tesseral * y * (5 * z * z - 1),
    SH_C3.zonal * z * (5 * z * z - 3),
    -SH_C3.tesseral * x * (5 * z * z - 1),
    SH_C3.difference * z * (x * x - y * y),
    -SH_C3.sectoral * x * (x * x - 3 * y * y),
  ];
}

/** (1 − λ)·L1 + λ·(1 − SSIM), Kerbl et al. 2023, eq. 7; pixels outside the image count as black. */
export function lossReference(
  rendered: Planes,
  photo: Planes,
  width: number,
  height: number,
  lambda: number,
): number {
  let absolute = 0;
  let ssim = 0;
  for (const c of [0, 1, 2] as const) {
    for (let i = 0; i < width * height; i++) absolute += Math.abs(at(rendered[c], i) - at(photo[c], i));
    ssim += ssimSum(rendered[c], photo[c], width, height);
  }
  const values = 3 * width * height;
  return ((1 - lambda) * absolute) / values + lambda * (1 - ssim / values);
}

/** The sum of SSIM (Wang et al. 2004, eq. 13) over the pixels of one channel. */
export function ssimSum(a: Float64Array, b: Float64Array, width: number, height: number): number {
  const product = (x: Float64Array, y: Float64Array) => x.map((value, i) => value * at(y, i));
  const [meanA, meanB, aa, bb, ab] = [a, b, product(a, a), product(b, b), product(a, b)].map((plane) =>
    windowed(plane, width, height),
  ) as [Float64Array, Float64Array, Float64Array, Float64Array, Float64Array];
  let sum = 0;
  for (let i = 0; i < width * height; i++) {
    const [ma, mb] = [at(meanA, i), at(meanB, i)];
    const [varianceA, varianceB, covariance] = [
      at(aa, i) - ma ** 2,
      at(bb, i) - mb ** 2,
      at(ab, i) - ma * mb,
    ];
    sum +=
      ((2 * ma * mb + SSIM_C1) * (2 * covariance + SSIM_C2)) /
      ((ma ** 2 + mb ** 2 + SSIM_C1) * (varianceA + varianceB + SSIM_C2));
  }
  return sum;
}

/** The means under the window, first along the rows, then down the columns. */
function windowed(plane: Float64Array, width: number, height: number): Float64Array {
  const pass = (values: Float64Array, stepX: number, stepY: number) =>
    values.map((_, i) => {
      const [x, y] = [i % width, Math.floor(i / width)];
      let sum = 0;
      for (let offset = -SSIM_RADIUS; offset <= SSIM_RADIUS; offset++) {
        const [sx, sy] = [x + offset * stepX, y + offset * stepY];
        if (sx < 0 || sx >= width || sy < 0 || sy >= height) continue;
        sum += (SSIM_WINDOW[Math.abs(offset)] as number) * (values[sy * width + sx] as number);
      }
      return sum;
    });
  return pass(pass(plane, 1, 0), 0, 1);
}

function rotationMatrix(raw: readonly number[]): number[][] {
  const length = Math.hypot(...raw);
  const [w, x, y, z] = raw.map((part) => part / length) as [number, number, number, number];
  return [
    [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
    [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
    [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
  ];
}

function at<T>(array: ArrayLike<T>, index: number): T {
  const value = array[index];
  if (value === undefined) throw new RangeError(`No element ${index} of ${array.length}`);
  return value;
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * at(b, i), 0);
}

function transpose(m: readonly (readonly number[])[]): number[][] {
  return at(m, 0).map((_, j) => m.map((row) => at(row, j)));
}

function multiply(a: readonly (readonly number[])[], b: readonly (readonly number[])[]): number[][] {
  const columns = transpose(b);
  return a.map((row) => columns.map((column) => dot(row, column)));
}
