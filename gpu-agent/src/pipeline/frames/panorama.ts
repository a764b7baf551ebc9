import type { GreySize } from "./sharpness.ts";

/** The seam may differ by this factor times the difference of two neighbouring columns. */
const MAX_SEAM = 2;
/** A pole is one point, stretched over a whole row: the row varies less than a row at the equator, by this share. */
const MAX_POLE_VARIATION = 0.25;
/** Levels of 255. A plain background, which looks the same on both sides, proves nothing. */
const MIN_VARIATION = 8;

/**
 * Recognises equirectangular (360°) pictures that are not declared as such: twice as wide as high, the right side
 * continues on the left, and the top and bottom rows each show a single point.
 */
export class PanoramaDetector {
  readonly #size: GreySize;
  #pictures = 0;
  #seam = 0;
  #step = 0;
  #poles = 0;
  #equator = 0;
  #meridian = 0;

  constructor(size: GreySize) {
    this.#size = size;
  }

  /** @param grey one byte per pixel, row by row */
  add(grey: Uint8Array): void {
    const { width, height } = this.#size;
    this.#pictures++;
    this.#seam += this.#columnChange(grey, 0, width - 1);
    this.#step += (this.#columnChange(grey, 0, 1) + this.#columnChange(grey, width - 2, width - 1)) / 2;
    this.#poles += Math.max(
      this.#variation(grey, 0, 1, width),
      this.#variation(grey, (height - 1) * width, 1, width),
    );
    this.#equator += this.#variation(grey, (height >> 1) * width, 1, width);
    this.#meridian += this.#variation(grey, 0, width, height);
  }

  found(): boolean {
    const { width, height } = this.#size;
    if (this.#pictures === 0 || Math.abs(width - 2 * height) > 0.02 * height) return false;
    return (
      Math.min(this.#equator, this.#meridian) >= MIN_VARIATION * this.#pictures &&
      this.#seam <= MAX_SEAM * Math.max(this.#step, this.#pictures) &&
      this.#poles <= MAX_POLE_VARIATION * this.#equator
    );
  }

  /** The mean difference between the pixels of two columns. */
  #columnChange(grey: Uint8Array, a: number, b: number): number {
    const { width, height } = this.#size;
    let sum = 0;
    for (let row = 0; row < height * width; row += width) {
      sum += Math.abs((grey[row + a] ?? 0) - (grey[row + b] ?? 0));
    }
    return sum / height;
  }

  /** The mean distance of a line's pixels from their mean. */
  #variation(grey: Uint8Array, first: number, step: number, length: number): number {
    let [sum, distance] = [0, 0];
    for (let i = 0; i < length; i++) sum += grey[first + i * step] ?? 0;
    const mean = sum / length;
    for (let i = 0; i < length; i++) distance += Math.abs((grey[first + i * step] ?? 0) - mean);
    return distance / length;
  }
}
