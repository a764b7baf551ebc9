/** One channel of an image: the byte of pixel (x, y) is at offset + y · rowStep + x · pixelStep. */
export interface Channel {
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly rowStep: number;
  readonly pixelStep: number;
}

/**
 * Makes images smaller so that each pixel is the mean of the area that it covers, taken over the valid
 * pixels of that area. Made once for images of the same sizes and the same mask.
 */
export class AreaAverage {
  readonly #across: Shares;
  readonly #down: Shares;
  readonly #valid: Channel;

  /** @param valid not 0 where the source has a pixel that counts */
  constructor(from: ImageSize, to: ImageSize, valid: Channel) {
    this.#across = sharesAlong(from.width, to.width);
    this.#down = sharesAlong(from.height, to.height);
    this.#valid = valid;
  }

  apply(source: Channel, target: Channel): void {
    this.#visit(source, target, (sum, total) => (total > 0 ? Math.round(sum / total) : 0));
  }

  /** Writes 255 where at least half of a pixel's area is valid, else 0. */
  applyToMask(target: Channel): void {
    const area = (this.#across.scale * this.#down.scale) / 2;
    this.#visit(this.#valid, target, (_, total) => (total >= area ? 255 : 0));
  }

  #visit(source: Channel, target: Channel, value: (sum: number, total: number) => number): void {
    const valid = this.#valid;
    const { first: firstX, begin: beginX, weights: weightsX } = this.#across;
    const { first: firstY, begin: beginY, weights: weightsY } = this.#down;
    for (let y = 0; y < firstY.length; y++) {
      const rows = (beginY[y + 1] as number) - (beginY[y] as number);
      for (let x = 0; x < firstX.length; x++) {
        const columns = (beginX[x + 1] as number) - (beginX[x] as number);
        let sum = 0;
        let total = 0;
        for (let j = 0; j < rows; j++) {
          const sourceY = (firstY[y] as number) + j;
          const weightY = weightsY[(beginY[y] as number) + j] as number;
          for (let i = 0; i < columns; i++) {
            const sourceX = (firstX[x] as number) + i;
            if (valid.bytes[valid.offset + sourceY * valid.rowStep + sourceX * valid.pixelStep] === 0)
              continue;
            const weight = weightY * (weightsX[(beginX[x] as number) + i] as number);
            const at = source.offset + sourceY * source.rowStep + sourceX * source.pixelStep;
            sum += weight * (source.bytes[at] as number);
            total += weight;
          }
        }
        target.bytes[target.offset + y * target.rowStep + x * target.pixelStep] = value(sum, total);
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
  /** Where a pixel's weights begin; one entry more than pixels. */
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
