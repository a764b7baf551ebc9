const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** The pauses between attempts to deliver, as Standard Webhooks suggests. */
const RETRY_AFTER_MS = [
  5 * SECOND,
  30 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  10 * HOUR,
] as const;

/**
 * When a delivery is tried again.
 *
 * @param attempts those that failed, with this one
 * @returns null when it is given up
 */
export function retryAt(attempts: number, now: number): number | null {
  const pause = RETRY_AFTER_MS[attempts - 1];
  return pause === undefined ? null : now + pause;
}
