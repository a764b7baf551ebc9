/** The folder of a job that has ended. */
export interface EndedJob {
  readonly jobId: string;
  /** Milliseconds since 1970. */
  readonly endedAt: number;
  /** The space that removing it frees, once the jobs that ended before it are removed. */
  readonly bytes: number;
}

export interface RetentionLimits {
  /** How many ended jobs keep their folders. */
  readonly keepJobs: number;
  /** How large the workspace may be. */
  readonly maxBytes: number;
}

/** The free space below which the agent takes no job: not even the download would fit. */
export const MIN_JOB_DISK_BYTES = 2 * 1024 ** 3;
/** Free space reserved for running jobs, regardless of the limits. */
const MIN_FREE_DISK_BYTES = 5 * 1024 ** 3;

/**
 * The most bytes that the workspace may use now: its limit, or less when its disk is almost full.
 *
 * @param used bytes in the workspace
 * @param free bytes free on its disk
 */
export function byteBudget(maxBytes: number, used: number, free: number): number {
  return Math.max(0, Math.min(maxBytes, used + free - MIN_FREE_DISK_BYTES));
}

/**
 * Chooses the ended jobs whose folders are removed: oldest first, until the rest is within the limits. The latest jobs
 * are the ones most likely to be retried.
 *
 * @param othersBytes the size of everything else in the workspace
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
