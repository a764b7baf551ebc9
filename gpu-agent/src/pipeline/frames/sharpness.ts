/** Pixels, and the frames' shape. */
export interface GreySize {
  readonly width: number;
  readonly height: number;
}

/** A candidate has to be so much sharper than the first one of its window to be taken instead. */
const CLEARLY_SHARPER = 1.1;

/**
 * How sharp a picture is: the variance of its Laplacian, 0 for one without any detail. Comparable only
 * between pictures of the same thing.
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
 * Which of the candidates to keep: from each window of `perFrame` of them the sharpest. The first, which is
 * the one at the even pace, stays unless another is clearly sharper.
 *
 * @param scores of the candidates in the order of time; the last window may be short
 * @returns indices into `scores`
 */
export function sharpestOfEach(scores: readonly number[], perFrame: number): number[] {
  const chosen: number[] = [];
  for (let first = 0; first < scores.length; first += perFrame) {
    let best = first;
    for (let i = first + 1; i < Math.min(first + perFrame, scores.length); i++) {
      if ((scores[i] ?? 0) > (scores[best] ?? 0)) best = i;
    }
    chosen.push((scores[best] ?? 0) > CLEARLY_SHARPER * (scores[first] ?? 0) ? best : first);
  }
  return chosen;
}

/** Cuts a stream of bytes into pictures and notes how sharp each of them is. */
export class SharpnessMeter {
  readonly scores: number[] = [];
  readonly #size: GreySize;
  readonly #picture: Uint8Array;
  #filled = 0;

  constructor(size: GreySize) {
    this.#size = size;
    this.#picture = new Uint8Array(size.width * size.height);
  }

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      const piece = chunk.subarray(at, at + this.#picture.length - this.#filled);
      this.#picture.set(piece, this.#filled);
      this.#filled += piece.length;
      at += piece.length;
      if (this.#filled < this.#picture.length) continue;
      this.scores.push(sharpnessOf(this.#picture, this.#size));
      this.#filled = 0;
    }
  }
}
