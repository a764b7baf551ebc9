import { describe, expect, it } from "vitest";
import { emptySplatCloud, type SplatCloud } from "./splat-cloud.ts";
import { usableGaussians } from "./usable-gaussians.ts";

const PARTS = ["positions", "logScales", "rotations", "opacities", "dc", "rest"] as const;

/** All values of gaussian i are i + 1. */
function numbered(count: number): SplatCloud {
  const cloud = emptySplatCloud(count, 1);
  for (const part of PARTS) {
    const perGaussian = cloud[part].length / count;
    cloud[part].forEach((_, at) => {
      cloud[part][at] = Math.floor(at / perGaussian) + 1;
    });
  }
  return cloud;
}

describe("usableGaussians", () => {
  it("returns the same cloud when all its values are usable", () => {
    const cloud = numbered(3);
    expect(usableGaussians(cloud)).toBe(cloud);
  });

  it.each(PARTS)("drops a gaussian for one value of its %s that is not a number", (part) => {
    const cloud = numbered(4);
    const perGaussian = cloud[part].length / 4;
    cloud[part][2 * perGaussian - 1] = Number.NaN;
    cloud[part][2 * perGaussian] = Number.NaN;
    const kept = usableGaussians(cloud);
    expect(kept.count).toBe(2);
    for (const name of PARTS) {
      expect(kept[name]).toEqual(numbered(2)[name].map((i) => (i === 1 ? 1 : 4)));
    }
  });

  it.each(["positions", "rotations", "dc", "rest"] as const)("drops a gaussian for infinite %s", (part) => {
    const cloud = numbered(2);
    cloud[part][0] = Number.POSITIVE_INFINITY;
    expect(usableGaussians(cloud).count).toBe(1);
  });

  it("drops a gaussian whose rotation has no length", () => {
    const cloud = numbered(2);
    cloud.rotations.fill(0, 0, 4);
    expect(usableGaussians(cloud).opacities).toEqual(Float32Array.of(2));
  });

  it("keeps flat, fully opaque and fully transparent gaussians, with finite values", () => {
    const cloud = numbered(3);
    cloud.opacities.set([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    cloud.logScales[3] = Number.NEGATIVE_INFINITY;
    const kept = usableGaussians(cloud);
    expect(kept.opacities).toEqual(Float32Array.of(20, -20, 3));
    expect(kept.logScales.slice(3, 6)).toEqual(Float32Array.of(-30, 2, 2));
  });

  it("drops a gaussian of infinite size", () => {
    const cloud = numbered(2);
    cloud.logScales[0] = Number.POSITIVE_INFINITY;
    expect(usableGaussians(cloud).count).toBe(1);
  });
});
