/** The highest degree that the trainer and the PLY layout support. */
export const MAX_SH_DEGREE = 3;

/** Coefficients per colour channel at a degree. */
export function shCoefficients(degree: number): number {
  return (degree + 1) ** 2;
}

/** The constant basis function: colour = 0.5 + SH_C0 · coefficient at degree 0. */
export const SH_C0 = 0.5 * Math.sqrt(1 / Math.PI);

/** Normalisation of the real spherical harmonics of degrees 1–3, as functions of a unit vector. */
export const SH_C1 = Math.sqrt(3 / (4 * Math.PI));
export const SH_C2 = {
  /** xy, yz, xz */
  product: 0.5 * Math.sqrt(15 / Math.PI),
  /** 3z² − 1 */
  zonal: 0.25 * Math.sqrt(5 / Math.PI),
  /** x² − y² */
  difference: 0.25 * Math.sqrt(15 / Math.PI),
} as const;
export const SH_C3 = {
  /** y(3x² − y²), x(x² − 3y²) */
  sectoral: 0.25 * Math.sqrt(35 / (2 * Math.PI)),
  /** xyz */
  product: 0.5 * Math.sqrt(105 / Math.PI),
  /** y(5z² − 1), x(5z² − 1) */
  tesseral: 0.25 * Math.sqrt(21 / (2 * Math.PI)),
  /** z(5z² − 3) */
  zonal: 0.25 * Math.sqrt(7 / Math.PI),
  /** z(x² − y²) */
  difference: 0.25 * Math.sqrt(105 / Math.PI),
} as const;
