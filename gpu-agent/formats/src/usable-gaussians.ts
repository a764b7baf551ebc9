import { restCoefficients, type SplatCloud, selectGaussians } from "./splat-cloud.ts";

/** Beyond these, a logit or a logarithm of a size makes no visible difference. */
const MAX_LOGIT = 20;
const MIN_LOG_SCALE = -30;

/**
 * A splat of gaussians that every viewer can draw. Infinite opacities (an opacity of exactly 0 or 1) and scales of 0
 * are made finite. Gaussians with any other value that is not finite, or with a rotation of length 0, are dropped.
 *
 * @returns the same object when nothing had to change
 */
export function usableGaussians(cloud: SplatCloud): SplatCloud {
  const bounded = withFiniteEnds(cloud);
  const rest = 3 * restCoefficients(bounded.shDegree);
  const parts: readonly (readonly [values: Float32Array, perGaussian: number])[] = [
    [bounded.positions, 3],
    [bounded.logScales, 3],
    [bounded.rotations, 4],
    [bounded.opacities, 1],
    [bounded.dc, 3],
    [bounded.rest, rest],
  ];
  const broken = new Uint8Array(bounded.count);
  for (const [values, perGaussian] of parts) {
    values.forEach((value, i) => {
      if (!Number.isFinite(value)) broken[Math.floor(i / perGaussian)] = 1;
    });
  }
  for (let i = 0; i < bounded.count; i++) {
    const turn = bounded.rotations.subarray(4 * i, 4 * i + 4);
    if (turn.every((part) => part === 0)) broken[i] = 1;
  }
  const kept = Uint32Array.from(broken.keys()).filter((i) => broken[i] === 0);
  return kept.length === bounded.count ? bounded : selectGaussians(bounded, kept);
}

function withFiniteEnds(cloud: SplatCloud): SplatCloud {
  const isEndless = (value: number) =>
    value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY;
  const hasEnds = cloud.opacities.some(isEndless) || cloud.logScales.includes(Number.NEGATIVE_INFINITY);
  if (!hasEnds) return cloud;
  return {
    ...cloud,
    opacities: cloud.opacities.map((value) => (isEndless(value) ? Math.sign(value) * MAX_LOGIT : value)),
    logScales: cloud.logScales.map((value) => (value === Number.NEGATIVE_INFINITY ? MIN_LOG_SCALE : value)),
  };
}
