const WINDOW_MS = 10_000;

/** Measures how fast a transfer is now: over the last ten seconds, so that a stall shows and an old speed does not. */
export class TransferRate {
  #samples: { readonly atMs: number; readonly bytes: number }[] = [];

  /** @param bytes transferred so far, of this run */
  record(bytes: number, atMs: number): void {
    const kept = this.#samples.filter((sample) => atMs - sample.atMs <= WINDOW_MS);
    this.#samples = [...kept, { atMs, bytes }];
  }

  /** Bytes per second; null while too little is known. */
  get bytesPerSecond(): number | null {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.atMs - first.atMs < 500) return null;
    return (1000 * (last.bytes - first.bytes)) / (last.atMs - first.atMs);
  }

  /** Seconds for as many bytes; null while nobody can know. */
  secondsFor(bytes: number): number | null {
    const rate = this.bytesPerSecond;
    return rate === null || rate <= 0 ? null : bytes / rate;
  }
}
