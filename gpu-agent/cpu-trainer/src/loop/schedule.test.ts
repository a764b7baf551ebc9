import { describe, expect, it } from "vitest";
import { FULL_BLENDING } from "../kernels/projection.ts";
import { trainingSettings } from "../training-settings.ts";
import { blendingLimitsAt, densifiesAfter, limitsSizesAfter, rateAt, workDone } from "./schedule.ts";

const settings = trainingSettings({
  iterations: 1000,
  preset: "standard",
  max_splats: null,
  max_resolution: null,
});

it("leaves nothing visible out of the last iterations' blending", () => {
  expect(blendingLimitsAt(settings, 0).minAlpha).toBeGreaterThan(FULL_BLENDING.minAlpha);
  expect(blendingLimitsAt(settings, 1000 * settings.coarseBlending.until)).toEqual(FULL_BLENDING);
  expect(blendingLimitsAt(settings, 999)).toEqual(FULL_BLENDING);
});

describe("a rate", () => {
  const at = (iteration: number) => rateAt([0.1, 0.001], { ...settings, coolDown: 0.2 }, iteration);

  it("falls exponentially until the cool-down", () => {
    expect(at(0)).toBeCloseTo(0.1, 12);
    expect(at(500)).toBeCloseTo(0.01, 12);
    expect(at(800)).toBeCloseTo(0.1 * 0.01 ** 0.8, 12);
  });

  it("falls to nearly nothing in the cool-down, and stays positive", () => {
    expect(at(900)).toBeCloseTo(0.5 * 0.1 * 0.01 ** 0.9, 12);
    expect(at(999)).toBeGreaterThan(0);
    expect(at(999)).toBeLessThan(0.05 * 0.001);
  });
});

it("limits the sizes before every densification, and after the last", () => {
  const iterations = Array.from({ length: 1000 }, (_, i) => i + 1);
  const densified = iterations.filter((i) => densifiesAfter(settings, i));
  const limited = iterations.filter((i) => limitsSizesAfter(settings, i));
  expect(limited).toEqual(expect.arrayContaining(densified));
  expect(limited.filter((i) => i > (densified.at(-1) ?? 0)).length).toBeGreaterThan(5);
});

it("counts the work done from 0 to 1", () => {
  const done = [0, 100, 350, 700, 999, 1000].map((iteration) => workDone(settings, iteration, 3));
  expect(done).toEqual(done.toSorted((a, b) => a - b));
  expect(done[0]).toBe(0);
  expect(done.at(-1)).toBe(1);
  // The first third is at small sizes.
  expect(done[2]).toBeLessThan(0.2);
});
