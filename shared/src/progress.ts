import type { ActiveStatus } from "./job-status.ts";

/** The stages of the pipeline, in order, and the public status each one reports as. */
export const STAGES = ["download", "frames", "poses", "train", "export", "upload"] as const;
export type StageName = (typeof STAGES)[number];

export const STAGE_STATUS: { readonly [stage in StageName]: ActiveStatus } = {
  download: "downloading_video",
  frames: "extracting_frames",
  poses: "running_colmap",
  train: "training",
  export: "exporting",
  upload: "exporting",
};

/** How many seconds each stage is expected to take; only their proportions matter for the bar. */
export type StageSeconds = { readonly [stage in StageName]: number };

/**
 * The overall progress of a job, 0–99: the share of the expected time that is behind it.
 * 100 is reserved for `completed`.
 *
 * @param fraction how much of `stage` is done, 0–1
 */
export function overallProgress(stage: StageName, fraction: number, expected: StageSeconds): number {
  const total = STAGES.reduce((sum, name) => sum + expected[name], 0);
  const before = STAGES.slice(0, STAGES.indexOf(stage)).reduce((sum, name) => sum + expected[name], 0);
  const share = (before + expected[stage] * clamp01(fraction)) / total;
  return Math.min(99, Math.floor(100 * share));
}

/**
 * Seconds until the job ends, or null before anything is known.
 * The running stage is extrapolated from its own pace once it is 5 % done; later stages use `expected`.
 *
 * @param elapsedSeconds since `stage` began
 */
export function etaSeconds(
  stage: StageName,
  fraction: number,
  elapsedSeconds: number,
  expected: StageSeconds,
): number {
  const done = clamp01(fraction);
  const remainingHere =
    done >= 0.05 ? (elapsedSeconds * (1 - done)) / done : Math.max(0, expected[stage] - elapsedSeconds);
  const later = STAGES.slice(STAGES.indexOf(stage) + 1).reduce((sum, name) => sum + expected[name], 0);
  return Math.round(remainingHere + later);
}

function clamp01(value: number): number {
  return Math.min(1, Math.max(0, value));
}
