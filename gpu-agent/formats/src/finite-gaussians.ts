import { restCoefficients, type SplatCloud, selectGaussians } from "./splat-cloud.ts";

/** A splat without the gaussians that have a value which is no number; the same object when there are none. */
export function finiteGaussians(cloud: SplatCloud): SplatCloud {
  const rest = 3 * restCoefficients(cloud.shDegree);
  const parts: readonly (readonly [values: Float32Array, perGaussian: number])[] = [
    [cloud.positions, 3],
    [cloud.logScales, 3],
    [cloud.rotations, 4],
    [cloud.opacities, 1],
    [cloud.dc, 3],
    [cloud.rest, rest],
  ];
  const broken = new Uint8Array(cloud.count);
  for (const [values, perGaussian] of parts) {
    values.forEach((value, i) => {
      if (!Number.isFinite(value)) broken[Math.floor(i / perGaussian)] = 1;
    });
  }
  const kept = Uint32Array.from(broken.keys()).filter((i) => broken[i] === 0);
  return kept.length === cloud.count ? cloud : selectGaussians(cloud, kept);
}
