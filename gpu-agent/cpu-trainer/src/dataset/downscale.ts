/** One channel of an image: the byte of pixel (x, y) is at offset + y · rowStep + x · pixelStep. */
export interface Channel {
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly rowStep: number;
  readonly pixelStep: number;
}

/** Red, green and blue, each `channelStep` bytes after the previous one. */
export interface ColorImage extends Channel {
  readonly channelStep: number;
}

/**
 * Downscales images: each target pixel is the mean of the valid source pixels in the area that it covers. One
 * instance serves all images of the same sizes and mask.
 */
export class AreaAverage {
  readonly #across: Shares;
  readonly #down: Shares;
  /** The valid part of each target pixel's area, row by row. */
  readonly #totals: Float64Array;
  /** 1 for each valid source pixel, else 0, row by row. */
  readonly #counts: Uint8Array;
  readonly #from: ImageSize;
  /** 1 for each target pixel whose whole area is valid (nearly all). */
  readonly #whole: Uint8Array;

  /** @param valid nonzero for valid source pixels */
  constructor(from: ImageSize, to: ImageSize, valid: Channel) {
    this.#from = from;
    this.#across = sharesAlong(from.width, to.width);
    this.#down = sharesAlong(from.height, to.height);
    this.#counts = new Uint8Array(from.width * from.height);
    for (let y = 0; y < from.height; y++) {
      for (let x = 0; x < from.width; x++) {
        const byte = valid.bytes[valid.offset + y * valid.rowStep + x * valid.pixelStep] as number;
        this.#counts[y * from.width + x] = byte === 0 ? 0 : 1;
      }
    }
    this.#totals = new Float64Array(to.width * to.height);
    this.#whole = new Uint8Array(to.width * to.height);
    this.#measure();
  }

  apply(source: ColorImage, target: ColorImage): void {
    const { first: firstX, begin: beginX, weights: weightsX } = this.#across;
    const { first: firstY, begin: beginY, weights: weightsY } = this.#down;
    const { bytes, rowStep, pixelStep, channelStep } = source;
    const width = firstX.length;
    for (let y = 0; y < firstY.length; y++) {
      const rows = (beginY[y + 1] as number) - (beginY[y] as number);
      for (let x = 0; x < width; x++) {
        const columns = (beginX[x + 1] as number) - (beginX[x] as number);
        const whole = this.#whole[y * width + x] === 1;
        let [red, green, blue] = [0, 0, 0];
        for (let j = 0; j < rows; j++) {
          const weightY = weightsY[(beginY[y] as number) + j] as number;
          const sourceY = (firstY[y] as number) + j;
          let at = source.offset + sourceY * rowStep + (firstX[x] as number) * pixelStep;
          for (let i = 0; i < columns; i++, at += pixelStep) {
            if (!whole && !this.#isValid((firstX[x] as number) + i, sourceY)) continue;
            const weight = weightY * (weightsX[(beginX[x] as number) + i] as number);
            red += weight * (bytes[at] as number);
            green += weight * (bytes[at + channelStep] as number);
            blue += weight * (bytes[at + 2 * channelStep] as number);
          }
        }
        const total = this.#totals[y * width + x] as number;
        const to = target.offset + y * target.rowStep + x * target.pixelStep;
        target.bytes[to] = total > 0 ? Math.round(red / total) : 0;
        target.bytes[to + target.channelStep] = total > 0 ? Math.round(green / total) : 0;
        target.bytes[to + 2 * target.channelStep] = total > 0 ? Math.round(blue / total) : 0;
      }
    }
  }

  /** Writes 255 where at least half of a pixel's area is valid, else 0. */
  applyToMask(target: Channel): void {
    const half = (this.#across.scale * this.#down.scale) / 2;
    const width = this.#across.first.length;
    this.#totals.forEach((total, pixel) => {
      const [x, y] = [pixel % width, Math.floor(pixel / width)];
      target.bytes[target.offset + y * target.rowStep + x * target.pixelStep] = total >= half ? 255 : 0;
    });
  }

  #isValid(x: number, y: number): boolean {
    return this.#counts[y * this.#from.width + x] === 1;
  }

  #measure(): void {
    const { first: firstX, begin: beginX, weights: weightsX } = this.#across;
    const { first: firstY, begin: beginY, weights: weightsY } = this.#down;
    const width = firstX.length;
    for (let y = 0; y < firstY.length; y++) {
      const rows = (beginY[y + 1] as number) - (beginY[y] as number);
      for (let x = 0; x < width; x++) {
        const columns = (beginX[x + 1] as number) - (beginX[x] as number);
        let total = 0;
        let whole = 1;
        for (let j = 0; j < rows; j++) {
          for (let i = 0; i < columns; i++) {
            if (this.#isValid((firstX[x] as number) + i, (firstY[y] as number) + j)) {
              const weightY = weightsY[(beginY[y] as number) + j] as number;
              total += weightY * (weightsX[(beginX[x] as number) + i] as number);
            } else {
              whole = 0;
            }
          }
        }
        this.#totals[y * width + x] = total;
        this.#whole[y * width + x] = whole;
      }
    }
  }
}

export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/** For each target pixel along one axis: its first source pixel, and how much of each one it covers. */
interface Shares {
  readonly scale: number;
  readonly first: Int32Array;
  /** The start of each pixel's weights; one entry more than pixels. */
  readonly begin: Int32Array;
  readonly weights: Float32Array;
}

function sharesAlong(from: number, to: number): Shares {
  const scale = from / to;
  const first = new Int32Array(to);
  const begin = new Int32Array(to + 1);
  const weights: number[] = [];
  for (let i = 0; i < to; i++) {
    const low = i * scale;
    const high = Math.min(from, (i + 1) * scale);
    first[i] = Math.floor(low);
    for (let j = Math.floor(low); j < high; j++) weights.push(Math.min(j + 1, high) - Math.max(j, low));
    begin[i + 1] = weights.length;
  }
  return { scale, first, begin, weights: Float32Array.from(weights) };
}
