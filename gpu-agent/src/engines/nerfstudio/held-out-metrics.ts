import { z } from "zod";

const EvalResults = z.object({
  results: z.object({
    psnr: z.number().nullable(),
    ssim: z.number().nullable(),
    cc_psnr: z.number().nullable().default(null),
  }),
});

/** Means over the held-out frames: PSNR in dB, SSIM 0–1. */
export interface HeldOutMetrics {
  readonly psnr: number | null;
  /** With the colours of each rendering fitted to its frame. */
  readonly correctedPsnr: number | null;
  readonly ssim: number | null;
}

/** Parses the file that ns-eval writes; null for anything else. */
export function parseHeldOutMetrics(text: string): HeldOutMetrics | null {
  try {
    // Python writes NaN, which is not valid JSON, for example for the deviation over a single frame.
    const { results } = EvalResults.parse(JSON.parse(text.replace(/(?<=:\s*)(?:NaN|-?Infinity)\b/g, "null")));
    return { psnr: results.psnr, ssim: results.ssim, correctedPsnr: results.cc_psnr };
  } catch {
    return null;
  }
}
