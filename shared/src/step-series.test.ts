import { expect, it } from "vitest";
import { StepSeries } from "./step-series.ts";

it("keeps the values by step, and replaces one that comes again", () => {
  const series = new StepSeries(10);
  for (const [step, value] of [
    [0, 9],
    [10, 5],
    [20, 4],
    [10, 6],
  ] as const)
    series.add(step, value);
  expect(series.points).toEqual([
    [0, 9],
    [10, 6],
    [20, 4],
  ]);
  series.clear();
  expect(series.points).toEqual([]);
});

it("stays small however long a training is, and keeps its ends", () => {
  const series = new StepSeries(1000);
  for (let step = 0; step <= 100_000; step++) series.add(step, step);
  const { points } = series;
  expect(points.length).toBeLessThanOrEqual(1000);
  expect(points.length).toBeGreaterThan(400);
  expect(points[0]).toEqual([0, 0]);
  expect(points.at(-1)).toEqual([100_000, 100_000]);
});
