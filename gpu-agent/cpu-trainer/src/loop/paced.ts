/**
 * Limits how often work may block training: at most every `intervalMs`, and for at most `share` of the time. An
 * interval of 0 means no limit.
 */
export class Paced {
  readonly #intervalMs: number;
  readonly #share: number;
  #last: { readonly at: number; readonly costMs: number };

  /** @param now milliseconds, as all times here */
  constructor(intervalMs: number, share: number, now: number) {
    this.#intervalMs = intervalMs;
    this.#share = share;
    this.#last = { at: now, costMs: 0 };
  }

  isDue(now: number): boolean {
    if (this.#intervalMs === 0) return true;
    return now - this.#last.at >= Math.max(this.#intervalMs, this.#last.costMs / this.#share);
  }

  done(beganAt: number, endedAt: number): void {
    this.#last = { at: endedAt, costMs: endedAt - beganAt };
  }
}
