import { describe, expect, it } from "vitest";
import type { ColmapModel, ColmapPoint } from "./colmap-model.ts";
import { featureCoverage, parallaxDegrees } from "./model-facts.ts";

const CAMERA = { id: 1, model: 1, width: 80, height: 80, params: [80, 80, 40, 40] };

/** Cameras that look along +z from these places along x, each with a feature in the middle of all 64 cells. */
function modelOf(places: readonly number[], points: readonly Partial<ColmapPoint>[]): ColmapModel {
  const features = Float64Array.from(
    Array.from({ length: 64 }, (_, i) => [10 * (i % 8) + 5, 10 * Math.floor(i / 8) + 5]).flat(),
  );
  return {
    cameras: new Map([[1, CAMERA]]),
    images: places.map((x, i) => ({
      id: i + 1,
      quaternion: [1, 0, 0, 0] as const,
      translation: [-x, 0, 0] as const,
      cameraId: 1,
      name: `frame_${i + 1}.jpg`,
      features,
    })),
    points: points.map((point) => ({
      position: [0, 0, 1] as const,
      colour: [0, 0, 0] as const,
      error: 0.5,
      track: new Uint32Array(),
      ...point,
    })),
  };
}

describe("featureCoverage", () => {
  it("is the share of the cells with features that have one with a place in space", () => {
    const inCells = (count: number) => ({
      track: Uint32Array.from(Array.from({ length: count }, (_, cell) => [1, cell]).flat()),
    });
    expect(featureCoverage(modelOf([0], [inCells(64)]))).toBe(1);
    expect(featureCoverage(modelOf([0], [inCells(16)]))).toBe(0.25);
    expect(featureCoverage(modelOf([0], []))).toBe(0);
  });

  it("is the median over the pictures", () => {
    const track = Uint32Array.of(...Array.from({ length: 64 }, (_, cell) => [2, cell]).flat(), 3, 0);
    expect(featureCoverage(modelOf([0, 1, 2], [{ track }]))).toBe(1 / 64);
  });
});

describe("parallaxDegrees", () => {
  const seenBy = (...images: number[]) => Uint32Array.from(images.flatMap((image) => [image, 0]));

  it("is the largest angle between a point's rays, median over the points", () => {
    const model = modelOf([-1, 0, 1], [{ track: seenBy(1, 2, 3) }]);
    expect(parallaxDegrees(model)).toBeCloseTo(90);
    expect(parallaxDegrees(modelOf([-1, 0, 1], [{ track: seenBy(1, 2) }]))).toBeCloseTo(45);
  });

  it("is little where the camera stays on the spot, and none where a point is seen once", () => {
    const far = { position: [0, 0, 100] as const, track: seenBy(1, 2, 3) };
    expect(parallaxDegrees(modelOf([-1, 0, 1], [far]))).toBeCloseTo(1.146, 2);
    expect(parallaxDegrees(modelOf([0], [{ track: seenBy(1, 1) }]))).toBe(0);
    expect(parallaxDegrees(modelOf([0], []))).toBe(0);
  });
});
