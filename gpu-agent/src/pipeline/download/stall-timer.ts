/** Fires when next to no data has arrived for a while, so that a server cannot trickle forever. */
export class StallTimer {
  readonly #abort = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #worthwhileBytes: number;
  #bytes = 0;
  fired = false;

  /** @param worthwhileBytes fewer bytes than this in `ms` count as no data */
  constructor(ms: number, worthwhileBytes: number) {
    this.#worthwhileBytes = worthwhileBytes;
    this.#timer = setTimeout(() => {
      this.fired = true;
      this.#abort.abort();
    }, ms);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  received(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < this.#worthwhileBytes) return;
    this.#bytes = 0;
    this.#timer.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
