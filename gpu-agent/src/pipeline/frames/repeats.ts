import type { GreySize } from "./sharpness.ts";

/** The side, in pixels, of the averaged squares. Averaging removes noise. */
const BLOCK = 8;
/**
 * Levels of 255. Encoding the same picture twice changes a block by less than this, moving the camera by a
 * pixel changes some block by more.
 */
const MAX_BLOCK_CHANGE = 3;
const MAX_MEAN_CHANGE = 0.5;

/** The mean brightness of each block of a picture, row by row. */
export type BlockMeans = Float32Array;

/** @param grey one byte per pixel, row by row */
export function blockMeans(grey: Uint8Array, { width, height }: GreySize): BlockMeans {
  const [columns, rows] = [Math.ceil(width / BLOCK), Math.ceil(height / BLOCK)];
  const means = new Float32Array(columns * rows);
  for (let y = 0, at = 0; y < height; y++) {
    const row = Math.floor(y / BLOCK) * columns;
    for (let x = 0; x < width; x++, at++) {
      const block = row + Math.floor(x / BLOCK);
      means[block] = (means[block] ?? 0) + (grey[at] ?? 0);
    }
  }
  for (let row = 0; row < rows; row++) {
    const blockHeight = Math.min(BLOCK, height - row * BLOCK);
    for (let column = 0; column < columns; column++) {
      const block = row * columns + column;
      means[block] = (means[block] ?? 0) / (blockHeight * Math.min(BLOCK, width - column * BLOCK));
    }
  }
  return means;
}

/**
 * Whether two pictures are the same but for encoding noise: no block has changed much, and the average has hardly
 * changed at all.
 */
export function isRepeat(a: BlockMeans, b: BlockMeans): boolean {
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    const change = Math.abs((a[i] ?? 0) - (b[i] ?? 0));
    if (change > MAX_BLOCK_CHANGE) return false;
    sum += change;
  }
  return sum <= MAX_MEAN_CHANGE * a.length;
}
