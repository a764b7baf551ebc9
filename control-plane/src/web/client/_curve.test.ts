import { expect, it } from "vitest";
import { Curve } from "./_curve.ts";

it("keeps the points by step, and replaces one that comes again", () => {
  const curve = new Curve();
  for (const [step, value] of [
    [0, 9],
    [10, 5],
    [20, 4],
    [10, 6],
  ] as const)
    curve.add(step, value);
  expect(curve.points).toEqual([
    { x: 0, y: 9 },
    { x: 10, y: 6 },
    { x: 20, y: 4 },
  ]);
  curve.clear();
  expect(curve.points).toEqual([]);
});

it("stays small however long a training is, and keeps its ends", () => {
  const curve = new Curve();
  for (let step = 0; step <= 100_000; step++) curve.add(step, step);
  const { points } = curve;
  expect(points.length).toBeLessThanOrEqual(1000);
  expect(points.length).toBeGreaterThan(400);
  expect(points[0]).toEqual({ x: 0, y: 0 });
  expect(points.at(-1)).toEqual({ x: 100_000, y: 100_000 });
});
