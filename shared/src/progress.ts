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
