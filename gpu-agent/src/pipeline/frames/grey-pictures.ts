import { BarDetector, type Rectangle } from "./bars.ts";
import { LensCircles } from "./lens-circles.ts";
import { PanoramaDetector } from "./panorama.ts";
import { type BlockMeans, blockMeans } from "./repeats.ts";
import { type GreySize, sharpnessOf } from "./sharpness.ts";

/** The longer side of the small grey pictures; pixels. */
export const GREY_LONG_SIDE = 800;

/** Measurements of a candidate's content. */
export interface Candidate {
  readonly sharpness: number;
  readonly blocks: BlockMeans;
}

/** Splits ffmpeg's stream of grey pictures and measures each one. */
export class GreyPictures {
  readonly candidates: Candidate[] = [];
  readonly #size: GreySize;
  readonly #picture: Uint8Array;
  readonly #bars: BarDetector;
  readonly #panorama: PanoramaDetector;
  readonly #lenses: LensCircles;
  #filled = 0;

  constructor(size: GreySize) {
    this.#size = size;
    this.#picture = new Uint8Array(size.width * size.height);
    this.#bars = new BarDetector(size);
    this.#panorama = new PanoramaDetector(size);
    this.#lenses = new LensCircles(size);
  }

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      const piece = chunk.subarray(at, at + this.#picture.length - this.#filled);
      this.#picture.set(piece, this.#filled);
      this.#filled += piece.length;
      at += piece.length;
      if (this.#filled < this.#picture.length) continue;
      this.#measure();
      this.#filled = 0;
    }
  }

  /** @returns the part of the grey pictures between black bars, or null when there are no bars */
  withoutBars(): Rectangle | null {
    return this.#bars.find();
  }

  /** Whether the pictures wrap around from right to left, as in 360° video. */
  isPanorama(): boolean {
    return this.#panorama.found();
  }

  /** The number of round pictures, of a fisheye lens each, in a picture. */
  lensCircles(): number {
    return this.#lenses.count();
  }

  #measure(): void {
    this.candidates.push({
      sharpness: sharpnessOf(this.#picture, this.#size),
      blocks: blockMeans(this.#picture, this.#size),
    });
    this.#bars.add(this.#picture);
    this.#panorama.add(this.#picture);
    this.#lenses.add(this.#picture);
  }
}
