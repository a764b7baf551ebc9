import { z } from "zod";

/** The public states of a job, in the order in which a job passes through them. */
export const JOB_STATUSES = [
  "queued",
  "downloading_video",
  "extracting_frames",
  "running_colmap",
  "training",
  "exporting",
  "completed",
  "failed",
  "cancelled",
] as const;

export const JobStatus = z.enum(JOB_STATUSES);
export type JobStatus = z.infer<typeof JobStatus>;

/** The states in which an agent works on the job. */
export const ACTIVE_STATUSES = [
  "downloading_video",
  "extracting_frames",
  "running_colmap",
  "training",
  "exporting",
] as const satisfies readonly JobStatus[];

export const ActiveStatus = z.enum(ACTIVE_STATUSES);
export type ActiveStatus = z.infer<typeof ActiveStatus>;

export const TERMINAL_STATUSES = ["completed", "failed", "cancelled"] as const satisfies readonly JobStatus[];

const LEAVE_STAGE = ["completed", "queued", "failed", "cancelled"] as const satisfies readonly JobStatus[];

/**
 * The job state machine. An attempt only moves forward, and may skip stages because a resumed job reuses finished
 * ones. Returning to `queued` ends the attempt. A terminal state never changes.
 */
export const TRANSITIONS: { readonly [from in JobStatus]: readonly JobStatus[] } = {
  // To itself: the attempt ended before its first stage began.
  queued: ["queued", ...ACTIVE_STATUSES, ...TERMINAL_STATUSES],
  downloading_video: ["extracting_frames", "running_colmap", "training", "exporting", ...LEAVE_STAGE],
  extracting_frames: ["running_colmap", "training", "exporting", ...LEAVE_STAGE],
  running_colmap: ["training", "exporting", ...LEAVE_STAGE],
  training: ["exporting", ...LEAVE_STAGE],
  exporting: LEAVE_STAGE,
  completed: [],
  failed: [],
  cancelled: [],
};

export function canTransition(from: JobStatus, to: JobStatus): boolean {
  return TRANSITIONS[from].includes(to);
}

/** The states from which `to` can be reached: what a conditional update lists in its WHERE. */
export function statusesBefore(to: JobStatus): JobStatus[] {
  return JOB_STATUSES.filter((from) => canTransition(from, to));
}

export function isTerminal(status: JobStatus): boolean {
  return (TERMINAL_STATUSES as readonly JobStatus[]).includes(status);
}

export function isActive(status: JobStatus): status is ActiveStatus {
  return (ACTIVE_STATUSES as readonly JobStatus[]).includes(status);
}
