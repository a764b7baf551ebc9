import { emptySplatCloud, type SplatCloud } from "@splatt/formats";
import { describe, expect, it } from "vitest";
import { covariance, mergeGaussians } from "./merge-gaussians.ts";

function cloudOf(gaussians: readonly Partial<Record<keyof SplatCloud, readonly number[]>>[]): SplatCloud {
  const cloud = emptySplatCloud(gaussians.length, 1);
  gaussians.forEach((gaussian, i) => {
    cloud.positions.set(gaussian.positions ?? [0, 0, 0], 3 * i);
    cloud.logScales.set(gaussian.logScales ?? [-2, -2, -2], 3 * i);
    cloud.rotations.set(gaussian.rotations ?? [1, 0, 0, 0], 4 * i);
    cloud.opacities.set(gaussian.opacities ?? [0], i);
    cloud.dc.set(gaussian.dc ?? [0, 0, 0], 3 * i);
    cloud.rest.set(gaussian.rest ?? [], 9 * i);
  });
  return cloud;
}

const opacity = (cloud: SplatCloud, i: number) => 1 / (1 + Math.exp(-(cloud.opacities[i] ?? 0)));

describe("mergeGaussians", () => {
  it("leaves what a gaussian looks like when it is alone", () => {
    const cloud = cloudOf([
      { positions: [1, 2, 3], logScales: [-1, -2, -3], rotations: [1, 0.5, -0.3, 0.2], opacities: [1] },
    ]);
    const merged = mergeGaussians(cloud, 4);
    expect(merged.count).toBe(1);
    expect(Array.from(merged.positions)).toEqual([1, 2, 3]);
    covariance(merged, 0).forEach((value, i) => {
      expect(value).toBeCloseTo(covariance(cloud, 0)[i] ?? 0, 6);
    });
    expect(opacity(merged, 0)).toBeCloseTo(opacity(cloud, 0), 5);
  });

  it("has the moments of the mixture", () => {
    const at = (x: number, color: number) => ({ positions: [x, 0, 0], dc: [color, 0, 0], rest: [color] });
    const merged = mergeGaussians(cloudOf([at(-1, 0), at(1, 1), at(5, 7)]), 2);
    expect(merged.count).toBe(2);
    expect(Array.from(merged.positions)).toEqual([0, 0, 0, 5, 0, 0]);
    expect([merged.dc[0], merged.rest[0], merged.dc[3], merged.rest[9]]).toEqual([0.5, 0.5, 7, 7]);
    const [xx = 0, xy = 0, , yy = 0] = covariance(merged, 0);
    expect(xx).toBeCloseTo(1 + Math.exp(-4), 5);
    expect(xy).toBeCloseTo(0, 5);
    expect(yy).toBeCloseTo(Math.exp(-4), 5);
    // It covers more than both did, so it is more transparent.
    expect(opacity(merged, 0)).toBeLessThan(0.2);
  });

  it("counts gaussians by what they cover", () => {
    const large = { positions: [0, 0, 0], logScales: [0, 0, 0], opacities: [3] };
    const small = { positions: [1, 0, 0], logScales: [-4, -4, -4], opacities: [3] };
    const hidden = { positions: [1, 0, 0], logScales: [0, 0, 0], opacities: [-9] };
    for (const other of [small, hidden]) {
      expect(mergeGaussians(cloudOf([large, other]), 2).positions[0]).toBeLessThan(0.01);
    }
  });

  it("stays finite whatever is merged", () => {
    const flat = { logScales: [-30, -30, -30], opacities: [-20] };
    const opaque = { opacities: [20] };
    for (const pair of [
      [flat, flat],
      [opaque, opaque],
      [flat, opaque],
    ]) {
      const merged = mergeGaussians(cloudOf(pair), 2);
      for (const field of ["positions", "logScales", "rotations", "opacities"] as const) {
        expect(merged[field].every(Number.isFinite)).toBe(true);
      }
    }
  });
});
