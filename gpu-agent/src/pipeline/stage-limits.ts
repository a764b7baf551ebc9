import type { StageName } from "@splatt/shared";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/**
 * How long a stage may give no sign of life, and how long it may take. Generous: COLMAP's matching prints one
 * line per block of images, and the first run of nerfstudio compiles CUDA kernels without a word.
 */
export const STAGE_LIMITS: {
  readonly [stage in StageName]: { readonly maxSilenceMs: number; readonly maxDurationMs: number };
} = {
  download: { maxSilenceMs: 5 * MINUTE_MS, maxDurationMs: 12 * HOUR_MS },
  frames: { maxSilenceMs: 10 * MINUTE_MS, maxDurationMs: 6 * HOUR_MS },
  poses: { maxSilenceMs: 60 * MINUTE_MS, maxDurationMs: 24 * HOUR_MS },
  train: { maxSilenceMs: 45 * MINUTE_MS, maxDurationMs: 48 * HOUR_MS },
  export: { maxSilenceMs: 30 * MINUTE_MS, maxDurationMs: 3 * HOUR_MS },
  upload: { maxSilenceMs: 24 * HOUR_MS, maxDurationMs: 72 * HOUR_MS },
};
