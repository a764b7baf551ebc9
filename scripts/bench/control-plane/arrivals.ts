/** The arrival time of each job at an agent, by `performance.now()`; callers may ask before or after it. */
export class Arrivals {
  readonly #times = new Map<string, number>();
  readonly #waiting = new Map<string, (at: number) => void>();

  note(jobId: string): void {
    const at = performance.now();
    this.#times.set(jobId, at);
    this.#waiting.get(jobId)?.(at);
  }

  async of(jobId: string): Promise<number> {
    return this.#times.get(jobId) ?? new Promise((resolve) => this.#waiting.set(jobId, resolve));
  }
}
