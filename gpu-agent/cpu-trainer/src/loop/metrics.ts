import type { ImageSize } from "../dataset/downscale.ts";
import { ROW_SUM } from "../kernels/loss.ts";

/** How a rendering compares with its photo, over the photo's valid pixels. */
export interface ImageMetrics {
  /** Mean absolute difference of values 0–1. */
  readonly l1: number;
  /** Decibels, for values 0–1. */
  readonly psnr: number;
  /** Mean SSIM with a Gaussian window of 11 × 11, over the channels. */
  readonly ssim: number;
}

/** Of a held-out frame, whose exposure is not known. */
export interface HeldOutMetrics extends ImageMetrics {
  /** PSNR of the rendering with each channel brightened or darkened to fit the photo. */
  readonly correctedPsnr: number;
}

/** Sums the row sums of the kernel `ssim`. */
export function imageMetrics(rowSums: Float32Array, { height }: ImageSize): ImageMetrics {
  const total = (field: number) => {
    let sum = 0;
    for (let row = 0; row < height; row++) sum += rowSums[4 * row + field] as number;
    return sum;
  };
  const values = 3 * total(ROW_SUM.validPixels);
  return {
    l1: total(ROW_SUM.absolute) / values,
    psnr: -10 * Math.log10(total(ROW_SUM.squared) / values),
    ssim: total(ROW_SUM.ssim) / values,
  };
}

export function meanMetrics(metrics: readonly HeldOutMetrics[]): HeldOutMetrics {
  const mean = (field: keyof HeldOutMetrics) =>
    metrics.reduce((sum, one) => sum + one[field], 0) / metrics.length;
  return { l1: mean("l1"), psnr: mean("psnr"), ssim: mean("ssim"), correctedPsnr: mean("correctedPsnr") };
}
