/**
 * How often something may be done that keeps training waiting: at most every `intervalMs`, and so rarely that it takes
 * no more than `share` of the time. An interval of 0 means every time, whatever it takes.
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
