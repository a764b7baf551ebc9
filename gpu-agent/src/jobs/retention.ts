/** The folder of a job that has ended. */
export interface EndedJob {
  readonly jobId: string;
  /** Milliseconds since 1970. */
  readonly endedAt: number;
  /** What removing it sets free, once those that ended before it are gone. */
  readonly bytes: number;
}

export interface RetentionLimits {
  /** How many ended jobs keep their folders. */
  readonly keepJobs: number;
  /** How large the workspace may be. */
  readonly maxBytes: number;
}

/** With less on the disk no job is taken: it could not even be downloaded. */
export const MIN_JOB_DISK_BYTES = 2 * 1024 ** 3;
/** Free space that is left to the jobs at work, whatever the limits say. */
const MIN_FREE_DISK_BYTES = 5 * 1024 ** 3;

/**
 * The most bytes that the workspace may have now: its limit, or less where its disk is about to run full.
 *
 * @param used bytes in the workspace
 * @param free bytes free on its disk
 */
export function byteBudget(maxBytes: number, used: number, free: number): number {
  return Math.max(0, Math.min(maxBytes, used + free - MIN_FREE_DISK_BYTES));
}

/**
 * Which ended jobs lose their folders: those that ended first, until few enough are left and the rest fits. What
 * ended last stays longest, since that is what a retry would go on with.
 *
 * @param othersBytes what is in the workspace beside the ended jobs, and stays
 */
export function chooseRemovals(
  ended: readonly EndedJob[],
  othersBytes: number,
  { keepJobs, maxBytes }: RetentionLimits,
): EndedJob[] {
  const oldestFirst = ended.toSorted((a, b) => a.endedAt - b.endedAt);
  let bytes = othersBytes + ended.reduce((sum, job) => sum + job.bytes, 0);
  let count = ended.length;
  const removals: EndedJob[] = [];
  for (const job of oldestFirst) {
    if (count <= keepJobs && bytes <= maxBytes) break;
    removals.push(job);
    bytes -= job.bytes;
    count -= 1;
  }
  return removals;
}
