import { describe, expect, it } from "vitest";
import type { TrainOptions } from "../engine.ts";
import { tinyTransforms } from "../testing/tiny-dataset.ts";
import { planTraining, scaledSize, type TrainingPlan } from "./training-plan.ts";

const standard: TrainOptions = {
  iterations: 30_000,
  preset: "standard",
  max_splats: null,
  max_resolution: null,
};

function capture(w: number, h: number, count: number) {
  const { frames, ...lens } = tinyTransforms();
  return { ...lens, w, h, frames: Array.from({ length: count }, () => frames[0] as (typeof frames)[number]) };
}

describe("planTraining", () => {
  it.each<{
    name: string;
    options: Partial<TrainOptions>;
    frames?: number;
    freeGpuBytes?: number;
    plan: Partial<TrainingPlan>;
  }>([
    {
      name: "nerfstudio's own defaults for a run of the length they are made for",
      options: {},
      plan: {
        iterations: 30_000,
        maxSplats: null,
        width: 1600,
        height: 900,
        cacheImages: "gpu",
        shDegree: 3,
        shDegreeInterval: 1000,
        cullAlphaThresh: 0.1,
        densifyGradThresh: 0.0008,
        warmupLength: 500,
        stopSplitAt: 15_000,
        resolutionSchedule: 3000,
      },
    },
    {
      name: "the same phases in proportion for a shorter run",
      options: { iterations: 5000 },
      plan: { shDegreeInterval: 167, warmupLength: 500, stopSplitAt: 2500, resolutionSchedule: 500 },
    },
    {
      name: "no phase of length 0 in the shortest run (nerfstudio divides by them)",
      options: { iterations: 1 },
      plan: { shDegreeInterval: 1, warmupLength: 0, stopSplitAt: 1, resolutionSchedule: 1 },
    },
    {
      name: "no longer phases for a longer run",
      options: { iterations: 100_000 },
      plan: { shDegreeInterval: 1000, warmupLength: 500, stopSplitAt: 15_000, resolutionSchedule: 3000 },
    },
    {
      name: "a small and flat draft",
      options: { preset: "draft" },
      plan: { width: 960, height: 540, shDegree: 1 },
    },
    {
      name: "more gaussians and the full resolution for high",
      options: { preset: "high" },
      plan: { width: 1920, height: 1080, scale: 1, cullAlphaThresh: 0.005, densifyGradThresh: 0.0005 },
    },
    {
      name: "the job's own limits before the preset's",
      options: { preset: "draft", max_resolution: 1280, max_splats: 50_000 },
      plan: { width: 1280, height: 720, maxSplats: 50_000 },
    },
    {
      name: "images in main memory when there are many",
      options: {},
      frames: 500,
      plan: { cacheImages: "cpu" },
    },
    { name: "images on the GPU when they fit", options: {}, frames: 497, plan: { cacheImages: "gpu" } },
    {
      name: "images in main memory when they would take much of a small GPU",
      options: {},
      frames: 300,
      freeGpuBytes: 4 * 1024 ** 3,
      plan: { cacheImages: "cpu" },
    },
  ])("plans $name", ({ options, frames = 100, freeGpuBytes = null, plan }) => {
    const planned = planTraining(
      { ...standard, ...options },
      capture(1920, 1080, frames),
      freeGpuBytes,
      false,
    );
    expect(planned).toMatchObject(plan);
  });
});

describe("scaledSize", () => {
  it.each([
    { name: "small enough", from: [640, 480], limit: 640, to: [640, 480] },
    { name: "landscape", from: [1920, 1080], limit: 960, to: [960, 540] },
    { name: "portrait", from: [1080, 1920], limit: 960, to: [540, 960] },
    {
      name: "a side that keeps the aspect ratio rather than the largest",
      from: [1920, 1080],
      limit: 1000,
      to: [992, 558],
    },
  ])("finds a size: $name", ({ from: [w = 0, h = 0], limit, to: [width, height] }) => {
    expect(scaledSize({ w, h }, limit)).toMatchObject({ width, height });
  });

  it("gives nerfstudio a scale that does not depend on rounding", () => {
    for (let width = 300; width < 2000; width += 37) {
      for (const height of [Math.round((width * 9) / 16), Math.round((width * 3) / 4), 2 * width + 1]) {
        const { scale, ...size } = scaledSize({ w: width, h: height }, 256);
        // As for the images (doubles) and for the cameras (32-bit floats).
        const asFloat = (side: number) => Math.floor(Math.fround(side * Math.fround(scale)));
        expect({ width: Math.floor(width * scale), height: Math.floor(height * scale) }).toEqual(size);
        expect({ width: asFloat(width), height: asFloat(height) }).toEqual(size);
        expect(Math.max(size.width, size.height)).toBeLessThanOrEqual(256);
        for (const side of [width * scale, height * scale]) {
          expect(side - Math.floor(side)).toBeGreaterThan(0.004);
          expect(side - Math.floor(side)).toBeLessThan(0.996);
        }
      }
    }
  });
});
