import { describe, expect, it } from "vitest";
import { median, medianShape, STRAIGHT, StageTracer, timeShare } from "./stage-shape.ts";

/** Nearly all of the time is spent in the last half. */
const LATE = [0.01, 0.02, 0.03, 0.04, 0.05, 0.24, 0.43, 0.62, 0.81];

describe("timeShare", () => {
  it.each([
    ["along a straight line", STRAIGHT, 0.37, 0.37],
    ["at a point of the shape", LATE, 0.5, 0.05],
    ["between two points", LATE, 0.55, 0.145],
    ["before the first", LATE, 0.05, 0.005],
    ["after the last", LATE, 0.95, 0.905],
    ["at the start", LATE, 0, 0],
    ["at the end", LATE, 1, 1],
    ["beyond the end", LATE, 1.2, 1],
    ["before the start", LATE, -1, 0],
  ])("is read %s", (_, shape, fraction, share) => {
    expect(timeShare(shape, fraction)).toBeCloseTo(share, 10);
  });
});

describe("median", () => {
  it.each([
    [[3], 3],
    [[1, 100], 50.5],
    [[100, 1, 2], 2],
    [[4, 1, 1000, 2], 3],
  ])("of %j is %d", (numbers, middle) => {
    expect(median(numbers)).toBe(middle);
  });
});

describe("medianShape", () => {
  it("is a straight line without any shapes", () => {
    expect(medianShape([])).toEqual(STRAIGHT);
  });

  it("ignores a single outlier", () => {
    expect(medianShape([LATE, STRAIGHT.map(() => 1), LATE])).toEqual(LATE);
  });
});

describe("StageTracer", () => {
  function trace(reports: readonly (readonly [fraction: number, at: number])[], seconds: number) {
    const tracer = new StageTracer();
    for (const [fraction, at] of reports) tracer.observe(fraction, at);
    return tracer.finish(seconds);
  }

  it("separates preparation from work, and records when each tenth was done", () => {
    const steps = Array.from({ length: 100 }, (_, i): [number, number] => [(i + 1) / 100, 40 + (i + 1)]);
    const { preparing, working, shape } = trace([[0, 0], [0, 20], ...steps], 140);
    expect(preparing).toBe(41);
    expect(working).toBe(99);
    expect(shape).toHaveLength(9);
    for (const [i, share] of shape.entries()) expect(share).toBeCloseTo((9 + 10 * i) / 99, 5);
  });

  it.each([
    ["reported nothing", [], 10],
    ["reported only its end", [[1, 10]], 10],
  ] as const)("assumes even progress for a stage that %s", (_, reports, seconds) => {
    const { preparing, working, shape } = trace(reports, seconds);
    expect([preparing, working]).toEqual([0, 10]);
    for (const [i, share] of shape.entries()) expect(share).toBeCloseTo((i + 1) / 10, 10);
  });

  it("spreads a large step evenly over the time it took", () => {
    expect(trace([[0.5, 8]], 10).shape).toEqual([
      1.6 / 10,
      3.2 / 10,
      expect.closeTo(0.48),
      expect.closeTo(0.64),
      0.8,
      expect.closeTo(0.84),
      expect.closeTo(0.88),
      expect.closeTo(0.92),
      expect.closeTo(0.96),
    ]);
  });

  it("tolerates progress that falls or repeats", () => {
    const traced = trace([[0.05, 1], [0.5, 5], [0.2, 6], [0.5, 7], [0.9, 9]], 10); // biome-ignore format: pairs
    expect(traced.shape[4]).toBeCloseTo(4 / 9, 5);
    expect(traced.shape[8]).toBeCloseTo(8 / 9, 5);
    expect(traced.shape.toSorted((a, b) => a - b)).toEqual(traced.shape);
  });

  it("assumes an even shape for a stage that took no time", () => {
    expect(trace([], 0)).toEqual({ preparing: 0, working: 0, shape: STRAIGHT });
  });
});
