/** What one job of half an hour takes of the shared parts, as `npm test -- job-cost` meters it, and its rows' bytes. */
export const JOB = {
  seconds: 1800,
  workerRequests: 22,
  d1Calls: 132,
  d1RowsWritten: 111,
  dispatcherEvents: 31 + 1054,
  d1Bytes: 5800,
} as const;

/** What the platform gives one deployment, from Cloudflare's documents (November 2026). */
export const PLATFORM = {
  /** A database runs one query at a time; a query of a job takes about a millisecond. */
  d1CallsPerSecond: 1000,
  d1Bytes: 10e9,
  /** For an object that parses, checks and stores what it gets: the middle of the guide's 200 to 500. */
  dispatcherEventsPerSecond: 350,
  dispatcherSockets: 32_768,
  /** D1 queries in one run of the scheduled handler, which needs about one for each pool. */
  queriesPerInvocation: 1000,
} as const;

/** A shared part is full at half of what it can do: above that, queues grow with every burst. */
const USABLE = 0.5;

export interface Limit {
  readonly part: string;
  /** Jobs a day that it carries. */
  readonly jobsPerDay: number;
  /** GPUs that train without a pause, at one job each. */
  readonly busyGpus: number;
}

/** How much each shared part carries, the smallest first. @param pools over which the jobs are spread evenly */
export function limits(pools: number): Limit[] {
  const ofRate = (part: string, jobsPerSecond: number): Limit => ({
    part,
    jobsPerDay: Math.floor(jobsPerSecond * 86_400),
    busyGpus: Math.floor(jobsPerSecond * JOB.seconds),
  });
  return [
    ofRate(
      "Dispatchers' events",
      (pools * USABLE * PLATFORM.dispatcherEventsPerSecond) / JOB.dispatcherEvents,
    ),
    ofRate("D1's calls", (USABLE * PLATFORM.d1CallsPerSecond) / JOB.d1Calls),
  ].toSorted((a, b) => a.jobsPerDay - b.jobsPerDay);
}

/** How many jobs' rows a database holds. */
export function jobsInD1(): number {
  return Math.floor(PLATFORM.d1Bytes / JOB.d1Bytes);
}
