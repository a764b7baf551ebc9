import { restCoefficients, type SplatCloud } from "./splat-cloud.ts";

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
  const count = broken.reduce((sum, isBroken) => sum - isBroken, cloud.count);
  if (count === cloud.count) return cloud;
  const kept = (values: Float32Array, perGaussian: number) =>
    values.filter((_, i) => broken[Math.floor(i / perGaussian)] === 0);
  return {
    count,
    shDegree: cloud.shDegree,
    positions: kept(cloud.positions, 3),
    logScales: kept(cloud.logScales, 3),
    rotations: kept(cloud.rotations, 4),
    opacities: kept(cloud.opacities, 1),
    dc: kept(cloud.dc, 3),
    rest: kept(cloud.rest, rest),
  };
}
