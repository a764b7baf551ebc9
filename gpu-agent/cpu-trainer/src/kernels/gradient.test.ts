import { describe, expect, it } from "vitest";
import {
  type GradientScene,
  gradientScene,
  kernelGradient,
  kernelRendering,
} from "../testing/gradient-scene.ts";
import { lossReference, type ParamTable, renderReference } from "../testing/reference-renderer.ts";
import { PARAM } from "./memory-layout.ts";
import { FULL_BLENDING, MIN_ALPHA } from "./projection.ts";

const SSIM_WEIGHT = 0.2;

/** The scene's gaussians whose SH coefficients are differentiated; of the other parameters, all are. */
const FEW = [1, 4];

describe.each([0, 1, 2, 3])("with spherical harmonics of degree %i", (degree) => {
  const scene = gradientScene(degree);

  it("renders what the reference renders", () => {
    const rendered = kernelRendering(scene);
    const reference = renderReference(scene.params, degree, scene.camera, scene.background);
    const differences = reference.flatMap((plane, c) =>
      Array.from(plane, (value, i) => Math.abs(value - ((rendered[c] as Float32Array)[i] as number))),
    );
    expect(Math.max(...differences)).toBeLessThan(2e-5);
  });
});

it("ends gaussians where the limits of blending say", () => {
  const scene = gradientScene(0);
  const minAlpha = 16 / 255;
  const rendered = kernelRendering(scene, { ...FULL_BLENDING, minAlpha });
  const largestDifference = (least: number) => {
    const reference = renderReference(scene.params, 0, scene.camera, scene.background, least);
    return Math.max(
      ...reference.flatMap((plane, c) =>
        Array.from(plane, (value, i) => Math.abs(value - ((rendered[c] as Float32Array)[i] as number))),
      ),
    );
  };
  expect(largestDifference(minAlpha)).toBeLessThan(2e-5);
  expect(largestDifference(MIN_ALPHA)).toBeGreaterThan(1e-2);
});

/*
 * Central differences of the reference in double precision, through projection, spherical harmonics, blending
 * and the whole loss. Degree 3 has all the others within it.
 */
describe("the gradient of the loss, against finite differences", () => {
  const scene = gradientScene(3);
  const gradient = kernelGradient(scene, SSIM_WEIGHT);
  const everyone = Array.from(scene.params[0] as Float64Array, (_, i) => i);

  it.each([
    ["mean", PARAM.mean, 3, everyone],
    ["log scale", PARAM.logScale, 3, everyone],
    ["rotation", PARAM.rotation, 4, everyone],
    ["opacity", PARAM.opacity, 1, everyone],
    ["constant SH", PARAM.sh, 3, everyone],
    ["SH of degree 1", PARAM.sh + 3, 9, FEW],
    ["SH of degree 2", PARAM.sh + 12, 15, FEW],
    ["SH of degree 3", PARAM.sh + 27, 21, FEW],
  ])("is right for %s", (_, firstRow, rows, gaussians) => {
    for (let row = firstRow; row < firstRow + rows; row++) {
      const numeric = gaussians.map((i) => centralDifference(scene, row, i));
      const analytic = gaussians.map((i) => (gradient[row] as Float32Array)[i] as number);
      const size = Math.hypot(...numeric);
      const error = Math.hypot(...numeric.map((value, i) => value - (analytic[i] as number)));
      expect.soft(size, `size in row ${row}`).toBeGreaterThan(1e-5);
      expect.soft(error / size, `relative error in row ${row}`).toBeLessThan(1e-4);
    }
  });
});

function centralDifference(scene: GradientScene, row: number, gaussian: number): number {
  const step = 1e-5;
  return (lossWith(scene, row, gaussian, step) - lossWith(scene, row, gaussian, -step)) / (2 * step);
}

function lossWith(
  { params, degree, camera, background, photo }: GradientScene,
  row: number,
  gaussian: number,
  step: number,
) {
  const moved: ParamTable = params.map((values, index) =>
    index === row ? values.map((value, i) => (i === gaussian ? value + step : value)) : values,
  );
  const rendered = renderReference(moved, degree, camera, background);
  return lossReference(rendered, photo, camera.width, camera.height, SSIM_WEIGHT);
}
