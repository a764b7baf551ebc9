import { describe, expect, it } from "vitest";
import { PARAM, paramRows } from "../kernels/memory-layout.ts";
import { crowdedScene } from "../testing/gradient-scene.ts";
import { testWorkspace } from "../testing/test-workspace.ts";
import { Random } from "./random.ts";
import { limitSizes, type Point, samplePositions } from "./size-limit.ts";

const CAMERAS: readonly Point[] = [
  [0, 0, 0],
  [1, 0, 0],
];

/** A gaussian on the z axis, nearest to the first camera. */
function workspaceWith(distance: number, axes: readonly number[]) {
  const params = Array.from({ length: paramRows(0) }, () => new Float64Array(1));
  const set = (row: number, value: number) => {
    (params[row] as Float64Array)[0] = value;
  };
  set(PARAM.mean + 2, distance);
  axes.forEach((axis, i) => {
    set(PARAM.logScale + i, Math.log(axis));
  });
  const { camera, photo } = crowdedScene(1, new Random(1));
  return testWorkspace(params, 0, camera, photo).workspace;
}

describe("an axis is at most as long as the gaussian's distance from the nearest camera:", () => {
  it.each([
    ["small and near", 0.1, [0.05, 0.01, 0.001], [0.05, 0.01, 0.001]],
    ["nearly as long as its distance", 2, [1.9, 1, 1], [1.9, 1, 1]],
    ["one axis too long", 2, [0.01, 9, 0.5], [0.01, 2, 0.5]],
    ["two axes too long", 2, [3, 9, 0.5], [2, 2, 0.5]],
    ["large and far, like the sky", 50, [20, 20, 1], [20, 20, 1]],
    ["at a camera", 0, [1, 1, 1e-6], [Math.exp(-9), Math.exp(-9), 1e-6]],
  ])("%s", (_, distance, axes, expected) => {
    const workspace = workspaceWith(distance, axes);
    const changed = limitSizes(workspace, 1, CAMERAS);
    expected.forEach((axis, i) => {
      const logScale = (workspace.params[PARAM.logScale + i] as Float32Array)[0] as number;
      expect(logScale).toBeCloseTo(Math.log(axis), 4);
    });
    expect(changed).toBe(axes.some((axis, i) => axis !== expected[i]) ? 1 : 0);
    expect(limitSizes(workspace, 1, CAMERAS)).toBe(0);
  });

  it("but without a position there is no limit", () => {
    expect(limitSizes(workspaceWith(Number.NaN, [1, 1, 1]), 1, CAMERAS)).toBe(0);
  });
});

it.each([
  [1, 1],
  [3, 3],
  [64, 64],
  [65, 64],
  [640, 64],
])("of %i cameras, takes %i positions, evenly", (cameras, expected) => {
  const positions = samplePositions(
    Array.from({ length: cameras }, (_, i) => ({ position: [i, 0, 0] as const })),
  );
  const xs = positions.map(([x]) => x);
  expect(xs).toHaveLength(expected);
  expect(xs[0]).toBe(0);
  const steps = xs.slice(1).map((x, i) => x - (xs[i] as number));
  for (const step of steps) expect(Math.abs(step - cameras / expected)).toBeLessThan(1);
});
