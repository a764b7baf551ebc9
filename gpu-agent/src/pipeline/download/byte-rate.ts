const WINDOW_MS = 5000;

/** The download rate over the last seconds. */
export class ByteRate {
  readonly #samples: { readonly atMs: number; readonly bytes: number }[] = [];

  /** @param bytes the total so far; falls when a download restarts */
  add(atMs: number, bytes: number): void {
    const last = this.#samples.at(-1);
    if (last && bytes < last.bytes) this.#samples.length = 0;
    this.#samples.push({ atMs, bytes });
    while (this.#samples.length > 2 && atMs - (this.#samples[1]?.atMs ?? atMs) > WINDOW_MS)
      this.#samples.shift();
  }

  /** Bytes per second; 0 before there are two samples. */
  perSecond(): number {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (!first || !last || last.atMs <= first.atMs) return 0;
    return (1000 * (last.bytes - first.bytes)) / (last.atMs - first.atMs);
  }
}
