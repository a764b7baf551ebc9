import type { Point } from "./_chart.ts";

/** More points than this cannot be told apart on a chart. */
const MAX_POINTS = 1000;

/** A value over the training's steps, of bounded size: when it is full, every second point goes. */
export class Curve {
  readonly #values = new Map<number, number>();

  /** A point with the step of an earlier one replaces it. */
  add(step: number, value: number): void {
    this.#values.set(step, value);
    if (this.#values.size <= MAX_POINTS) return;
    [...this.#values.keys()].slice(0, -1).forEach((old, index) => {
      if (index % 2 === 1) this.#values.delete(old);
    });
  }

  clear(): void {
    this.#values.clear();
  }

  get points(): Point[] {
    return [...this.#values].map(([x, y]) => ({ x, y })).toSorted((a, b) => a.x - b.x);
  }
}
