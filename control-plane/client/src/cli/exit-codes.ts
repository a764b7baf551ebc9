/** What the command line's exit code says. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  jobFailed: 3,
  notAllowed: 4,
  jobCancelled: 5,
  /** By Ctrl-C. What was begun continues, or can be continued. */
  detached: 130,
} as const;
