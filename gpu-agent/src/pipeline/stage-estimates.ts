import type { EngineName, JobOptions, StageSeconds } from "@splatt/shared";

/** Seconds per training step, as a first guess; only the proportions to the other stages matter. */
const SECONDS_PER_STEP: { readonly [engine in EngineName]: number } = {
  nerfstudio: 0.02,
  builtin: 0.1,
  brush: 0.02,
  opensplat: 0.03,
  command: 0.02,
};

/** How long the stages of a job are expected to take, for the progress bar and the ETA. */
export function estimateStages(engine: EngineName, options: Pick<JobOptions, "iterations">): StageSeconds {
  return {
    download: 5,
    frames: 5,
    poses: 60,
    train: Math.max(10, options.iterations * SECONDS_PER_STEP[engine]),
    export: 5,
    upload: 5,
  };
}
