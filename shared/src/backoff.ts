export interface BackoffWindow {
  readonly minMs: number;
  readonly maxMs: number;
}

/**
 * Full jitter: a wait drawn evenly from [0, min(max, min·2^tries)], never below a tenth of `minMs`.
 * Many clients that lost their server at once come back spread out, not in step.
 * Source: M. Brooker, "Exponential Backoff and Jitter" (AWS Architecture Blog, 2015).
 */
export function fullJitterMs(tries: number, window: BackoffWindow, random: () => number): number {
  const ceiling = Math.min(window.maxMs, window.minMs * 2 ** Math.min(tries, 30));
  return Math.max(window.minMs / 10, random() * ceiling);
}
