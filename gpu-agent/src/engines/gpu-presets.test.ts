import { describe, expect, it } from "vitest";
import type { TrainOptions } from "./engine.ts";
import { scaledStep, trainedLongSide } from "./gpu-presets.ts";

describe("trainedLongSide", () => {
  it.each<[preset: TrainOptions["preset"], maxResolution: number | null, side: number]>([
    ["draft", null, 960],
    ["standard", null, 1600],
    ["high", null, 2160],
    ["high", 1000, 1000],
    ["draft", 1280, 1280],
    ["draft", 4096, 2160],
  ])("%s, max_resolution %s: %d pixels", (preset, max_resolution, side) => {
    const options = { iterations: 1, preset, max_splats: null, max_resolution };
    expect(trainedLongSide(options, { w: 1215, h: 2160 })).toBe(side);
  });
});

describe("scaledStep", () => {
  it.each([
    [15_000, 30_000, 15_000],
    [15_000, 5000, 2500],
    [15_000, 100_000, 15_000],
    [1000, 1, 1],
  ])("puts step %d of the reference, in a run of %d, at %d", (at, iterations, step) => {
    expect(scaledStep(at, iterations)).toBe(step);
  });
});
