import { describe, expect, it } from "vitest";
import { spatialOrder } from "./spatial-order.ts";

function randomPoints(count: number): Float32Array {
  let state = 1;
  return Float32Array.from({ length: 3 * count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  });
}

/** The mean distance of a point from the centre of its run of `size` points. */
function spreadOfRuns(positions: Float32Array, order: ArrayLike<number>, size: number): number {
  let sum = 0;
  for (let start = 0; start < order.length; start += size) {
    const run = Array.from({ length: Math.min(size, order.length - start) }, (_, i) => order[start + i] ?? 0);
    const center = [0, 1, 2].map(
      (axis) => run.reduce((total, i) => total + (positions[3 * i + axis] ?? 0), 0) / run.length,
    );
    for (const i of run) {
      sum += Math.hypot(...center.map((value, axis) => value - (positions[3 * i + axis] ?? 0)));
    }
  }
  return sum / order.length;
}

describe("spatialOrder", () => {
  it.each([0, 1, 3, 4, 5, 63, 64, 65, 100, 1000, 5003])("has each of %i points once", (count) => {
    const { order, leafStarts } = spatialOrder(randomPoints(count), 256);
    expect(Array.from(order).toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
    const sizes = leafStarts.slice(1).map((end, i) => end - (leafStarts[i] ?? 0));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(count);
    for (const size of sizes) expect(size).toBeLessThanOrEqual(256);
    for (const start of leafStarts.slice(0, -1)) expect(start % 64).toBe(0);
  });

  it("puts neighbours into one run", () => {
    const count = 4096;
    const positions = randomPoints(count);
    const { order } = spatialOrder(positions, 1024);
    const asTheyAre = Array.from({ length: count }, (_, i) => i);
    // In a cube of 64 equal cubes, points are at a quarter of the distance, with 1024 at a tenth.
    expect(spreadOfRuns(positions, order, 64)).toBeLessThan(0.3 * spreadOfRuns(positions, asTheyAre, 64));
    expect(spreadOfRuns(positions, order, 4)).toBeLessThan(0.15 * spreadOfRuns(positions, asTheyAre, 4));
  });

  it("ends where all points are the same", () => {
    const { order } = spatialOrder(new Float32Array(3 * 10_000).fill(0.5), 1024);
    expect(new Set(order).size).toBe(10_000);
  });
});
