/** Values over the steps of a training, of bounded size: when it is full, every second value goes. */
export class StepSeries {
  readonly #max: number;
  readonly #values = new Map<number, number>();

  /** @param max the most values that it keeps */
  constructor(max: number) {
    this.#max = max;
  }

  /** A value with the step of an earlier one replaces it. */
  add(step: number, value: number): void {
    this.#values.set(step, value);
    if (this.#values.size <= this.#max) return;
    [...this.#values.keys()].slice(0, -1).forEach((old, index) => {
      if (index % 2 === 1) this.#values.delete(old);
    });
  }

  clear(): void {
    this.#values.clear();
  }

  /** By step. */
  get points(): [step: number, value: number][] {
    return [...this.#values].toSorted(([a], [b]) => a - b);
  }
}
