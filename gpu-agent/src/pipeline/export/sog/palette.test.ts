import { describe, expect, it } from "vitest";
import { paletteOf } from "./palette.ts";

const DIMENSIONS = 9;

/** Vectors around a few centres, in an order that mixes them. */
function grouped(centres: number, perCentre: number): Float32Array {
  return Float32Array.from({ length: centres * perCentre * DIMENSIONS }, (_, i) => {
    const vector = Math.floor(i / DIMENSIONS);
    return 10 * Math.sin(1 + (vector % centres) * 7.3 + (i % DIMENSIONS)) + 0.01 * Math.sin(vector * i);
  });
}

function squaredError(vectors: Float32Array, { centroids, labels }: ReturnType<typeof paletteOf>): number {
  return vectors.reduce((sum, value, i) => {
    const label = labels[Math.floor(i / DIMENSIONS)] as number;
    return sum + (value - (centroids[label * DIMENSIONS + (i % DIMENSIONS)] as number)) ** 2;
  }, 0);
}

describe("paletteOf", () => {
  it("keeps vectors as they are when there are enough clusters", () => {
    const vectors = grouped(5, 4);
    const palette = paletteOf(vectors, DIMENSIONS, 1024);
    expect(palette.count).toBe(20);
    expect(squaredError(vectors, palette)).toBe(0);
  });

  it("finds groups, also more of them than a node of its tree has branches", () => {
    const vectors = grouped(50, 40);
    const few = squaredError(vectors, paletteOf(vectors, DIMENSIONS, 200));
    const total = vectors.reduce((sum, value) => sum + value ** 2, 0);
    expect(few / total).toBeLessThan(2e-3);
  });

  it.each([1, 2, 15, 16, 17, 300])("uses no more than %i clusters, and each of them", (clusters) => {
    const { count, labels, centroids } = paletteOf(grouped(30, 30), DIMENSIONS, clusters);
    expect(count).toBeLessThanOrEqual(clusters);
    expect(new Set(labels).size).toBe(count);
    expect(centroids.length).toBe(count * DIMENSIONS);
  });

  it("copes with vectors that are all the same, and with none", () => {
    const same = new Float32Array(DIMENSIONS * 500).fill(0.5);
    expect(squaredError(same, paletteOf(same, DIMENSIONS, 64))).toBe(0);
    expect(paletteOf(new Float32Array(0), DIMENSIONS, 64).count).toBe(0);
  });
});
