import type { GreySize } from "./sharpness.ts";

/** Levels of 255: black, also with the noise of a sensor. */
const MAX_BLACK = 32;
/** Levels of 255 that some picture reaches where a lens shows something. */
const MIN_LIT = 48;
/** Shares of the pixels that may deviate. */
const MAX_STRAY = 0.01;
const MIN_LIT_SHARE = 0.8;
/** Radii, as shares of half the side: outside of the circle, and the ring within its edge. */
const OUTSIDE = 1.2;
const RING = { from: 0.8, to: 0.92 };
/** The share by which a picture of one lens may differ from a square. */
const MAX_OBLONG = 0.05;

/**
 * Counts the round pictures of fisheye lenses in a picture: cameras for 360° store one for each of two lenses before
 * their app joins them. The corners around a circle are black in all pictures, and the ring within its edge is not.
 */
export class LensCircles {
  readonly #size: GreySize;
  readonly #brightest: Uint8Array;

  constructor(size: GreySize) {
    this.#size = size;
    this.#brightest = new Uint8Array(size.width * size.height);
  }

  /** @param grey one byte per pixel, row by row */
  add(grey: Uint8Array): void {
    for (let i = 0; i < grey.length; i++) {
      this.#brightest[i] = Math.max(this.#brightest[i] ?? 0, grey[i] ?? 0);
    }
  }

  /** @returns 1, or 2 side by side; 0 in all other pictures */
  count(): number {
    const { width, height } = this.#size;
    const circles = Math.round(width / height);
    if (circles > 2 || Math.abs(width - circles * height) > MAX_OBLONG * height) return 0;
    return Array.from({ length: circles }, (_, i) => i).every((i) => this.#isCircle(i, circles))
      ? circles
      : 0;
  }

  #isCircle(index: number, circles: number): boolean {
    const { width, height } = this.#size;
    const side = width / circles;
    let [outside, stray, ring, lit] = [0, 0, 0, 0];
    for (let y = 0; y < height; y++) {
      for (let x = Math.round(index * side); x < Math.round((index + 1) * side); x++) {
        const radius = Math.hypot((2 * (x + 0.5)) / side - 2 * index - 1, (2 * (y + 0.5)) / height - 1);
        const level = this.#brightest[y * width + x] ?? 0;
        if (radius > OUTSIDE) {
          outside++;
          if (level > MAX_BLACK) stray++;
        } else if (radius > RING.from && radius < RING.to) {
          ring++;
          if (level > MIN_LIT) lit++;
        }
      }
    }
    return stray <= MAX_STRAY * outside && lit >= MIN_LIT_SHARE * ring;
  }
}
