import { expect, it } from "vitest";
import { finiteGaussians } from "./finite-gaussians.ts";
import { emptySplatCloud, type SplatCloud } from "./splat-cloud.ts";

/** Gaussian i has i in all its values. */
function numbered(count: number): SplatCloud {
  const cloud = emptySplatCloud(count, 1);
  for (const values of [
    cloud.positions,
    cloud.logScales,
    cloud.rotations,
    cloud.opacities,
    cloud.dc,
    cloud.rest,
  ]) {
    const each = values.length / count;
    values.forEach((_, at) => {
      values[at] = Math.floor(at / each);
    });
  }
  return cloud;
}

it("leaves a splat alone that has only numbers", () => {
  const cloud = numbered(3);
  expect(finiteGaussians(cloud)).toBe(cloud);
});

it.each<keyof SplatCloud>(["positions", "logScales", "rotations", "opacities", "dc", "rest"])(
  "drops a whole gaussian for one value of its %s",
  (part) => {
    const cloud = numbered(4);
    const values = cloud[part] as Float32Array;
    const each = values.length / 4;
    values[2 * each - 1] = Number.NaN;
    values[2 * each] = Number.POSITIVE_INFINITY;
    const kept = finiteGaussians(cloud);
    expect(kept.count).toBe(2);
    const left = { ...numbered(2) };
    for (const name of ["positions", "logScales", "rotations", "opacities", "dc", "rest"] as const) {
      expect(kept[name]).toEqual(left[name].map((i) => (i === 0 ? 0 : 3)));
    }
  },
);
