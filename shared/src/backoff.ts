export interface BackoffWindow {
  readonly minMs: number;
  readonly maxMs: number;
}

/**
 * Full jitter: a delay drawn uniformly from [0, min(max, min·2^tries)], at least a tenth of `minMs`. Clients that lost
 * their server at the same moment reconnect spread over time.
 *
 * Source: M. Brooker, "Exponential Backoff and Jitter" (AWS Architecture Blog, 2015).
 */
export function fullJitterMs(tries: number, window: BackoffWindow, random: () => number): number {
  const ceiling = Math.min(window.maxMs, window.minMs * 2 ** Math.min(tries, 30));
  return Math.max(window.minMs / 10, random() * ceiling);
}
