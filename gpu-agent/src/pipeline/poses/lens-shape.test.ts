import { describe, expect, it } from "vitest";
import type { OpenCvCamera } from "./camera-models.ts";
import { foldsInPicture, withoutFold } from "./lens-shape.ts";

/** The corner is at a radius of 0.5 · 1000 / focal. */
function lensOf(focal: number, k1: number, k2: number): OpenCvCamera {
  return {
    ...{ width: 800, height: 600, cx: 400, cy: 300 },
    ...{ fx: focal, fy: focal, k1, k2, p1: 0, p2: 0 },
  };
}

/** Where a ray at an undistorted radius appears, and whether radii before it appear further inside. */
function isMonotonic({ fx, k1, k2 }: OpenCvCamera): boolean {
  const corner = 500 / fx;
  let last = 0;
  for (let i = 1; i <= 4000; i++) {
    const r = (3 * corner * i) / 4000;
    const distorted = r + k1 * r ** 3 + k2 * r ** 5;
    if (distorted <= last) return false;
    last = distorted;
    if (distorted >= corner && r >= corner) return true;
  }
  return false;
}

const LENSES: [name: string, lens: OpenCvCamera, folds: boolean][] = [
  ["no distortion", lensOf(500, 0, 0), false],
  ["a usual phone", lensOf(700, 0.05, -0.04), false],
  ["barrel distortion of a wide lens", lensOf(500, -0.25, 0.07), false],
  ["barrel distortion without its second term", lensOf(500, -0.3, 0), true],
  ["pincushion distortion that turns back outside", lensOf(500, 0.2, -0.05), false],
  ["pincushion distortion that turns back inside", lensOf(500, 0.3, -0.5), true],
  ["a corner that no ray reaches", lensOf(500, -0.2, 0), true],
  ["a fold near the middle", lensOf(500, -2, 0), true],
  ["a fold, and a rise after it", lensOf(500, -1.2, 0.6), true],
];

describe("a lens with", () => {
  it.each(LENSES)("%s", (_, lens, folds) => {
    expect(foldsInPicture(lens)).toBe(folds);
    expect(isMonotonic(lens)).toBe(!folds);
  });

  it("an axis off the middle is judged at the farthest corner", () => {
    const lens = lensOf(500, -0.14, 0);
    expect(foldsInPicture(lens)).toBe(false);
    expect(foldsInPicture({ ...lens, cx: 250 })).toBe(true);
  });
});

describe("the nearest lens without a fold", () => {
  it.each(LENSES.filter(([, , folds]) => folds))("to %s rises up to the corner", (_, lens) => {
    const found = withoutFold(lens);
    expect(foldsInPicture(found)).toBe(false);
    expect(isMonotonic(found)).toBe(true);
    expect(found).toMatchObject({ cx: lens.cx, p1: lens.p1, width: lens.width });
    expect(found.fx / found.fy).toBeCloseTo(lens.fx / lens.fy, 9);
  });

  it("hardly changes the middle, where features were", () => {
    const lens = lensOf(600, 0.05, -0.5);
    expect(foldsInPicture(lens)).toBe(true);
    const found = withoutFold(lens);
    for (const r of [0.1, 0.2, 0.3, 0.4]) {
      const [is, was] = [found, lens].map(({ fx, k1, k2 }) => fx * (r + k1 * r ** 3 + k2 * r ** 5));
      expect(Math.abs((is ?? 0) - (was ?? 0))).toBeLessThan(3);
    }
  });
});
