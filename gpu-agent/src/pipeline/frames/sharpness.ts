/** Pixels. */
export interface GreySize {
  readonly width: number;
  readonly height: number;
}

/**
 * How much sharper than the first candidate of its window another must be to replace it. Measured on a real capture
 * (pictures a quarter of a second apart): half of the neighbours differ by a factor below 1.14 and three quarters by
 * one below 1.28, mostly because the view changed. Below that, a choice moves the frame's time for no clear gain.
 */
const CLEARLY_SHARPER = 1.25;

/**
 * The sharpness of a picture: the variance of its Laplacian, 0 for a picture without detail. Comparable only between
 * pictures of the same subject.
 *
 * J. L. Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy: a comparative study" (2000).
 *
 * @param grey one byte per pixel, row by row
 */
export function sharpnessOf(grey: Uint8Array, { width, height }: GreySize): number {
  let sum = 0;
  let squares = 0;
  for (let y = 1; y < height - 1; y++) {
    for (let at = y * width + 1, end = at + width - 2; at < end; at++) {
      const around =
        (grey[at - 1] ?? 0) + (grey[at + 1] ?? 0) + (grey[at - width] ?? 0) + (grey[at + width] ?? 0);
      const laplacian = around - 4 * (grey[at] ?? 0);
      sum += laplacian;
      squares += laplacian * laplacian;
    }
  }
  const count = Math.max(1, (width - 2) * (height - 2));
  return squares / count - (sum / count) ** 2;
}

/**
 * Chooses the candidate of a frame: the first, which is at the exact time, unless another is clearly sharper.
 *
 * @param scores the sharpness of each candidate
 * @returns an index into `scores`
 */
export function sharpest(scores: readonly number[]): number {
  let best = 0;
  for (let i = 1; i < scores.length; i++) if ((scores[i] ?? 0) > (scores[best] ?? 0)) best = i;
  return (scores[best] ?? 0) > CLEARLY_SHARPER * (scores[0] ?? 0) ? best : 0;
}
