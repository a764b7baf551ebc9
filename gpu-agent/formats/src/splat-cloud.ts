/**
 * A set of gaussians with the PLY formats' parameters. All arrays are ordered gaussian by gaussian.
 */
export interface SplatCloud {
  readonly count: number;
  /** 0–3. */
  readonly shDegree: number;
  /** x, y, z. */
  readonly positions: Float32Array;
  /** Natural logarithms of the standard deviations along the three axes. */
  readonly logScales: Float32Array;
  /** Quaternions w, x, y, z; not necessarily of length 1. */
  readonly rotations: Float32Array;
  /** Logits. */
  readonly opacities: Float32Array;
  /** The constant SH coefficient of red, green and blue: colour = 0.5 + 0.28209479 · it. */
  readonly dc: Float32Array;
  /** The other coefficients, channel by channel: all of red's, then green's, then blue's. */
  readonly rest: Float32Array;
}

/** Coefficients per channel beyond the constant one. */
export function restCoefficients(shDegree: number): number {
  return (shDegree + 1) ** 2 - 1;
}

export function emptySplatCloud(count: number, shDegree: number): SplatCloud {
  return {
    count,
    shDegree,
    positions: new Float32Array(3 * count),
    logScales: new Float32Array(3 * count),
    rotations: new Float32Array(4 * count),
    opacities: new Float32Array(count),
    dc: new Float32Array(3 * count),
    rest: new Float32Array(3 * restCoefficients(shDegree) * count),
  };
}

/** A cloud of only some gaussians of another, in the order of `indices`. */
export function selectGaussians(cloud: SplatCloud, indices: ArrayLike<number>): SplatCloud {
  const selected = emptySplatCloud(indices.length, cloud.shDegree);
  for (const field of ["positions", "logScales", "rotations", "opacities", "dc", "rest"] as const) {
    const width = cloud.count === 0 ? 0 : cloud[field].length / cloud.count;
    for (let i = 0; i < indices.length; i++) {
      const index = indices[i] as number;
      selected[field].set(cloud[field].subarray(index * width, (index + 1) * width), i * width);
    }
  }
  return selected;
}
