import type { MetricPoint } from "@splatt/shared";

/** After each so many points, the time between two of them doubles: a training of days has a few thousand. */
const POINTS_PER_PACE = 2000;
const FIRST_PACE_MS = 1000;

/** The curves of a training, numbered from 0. In memory: another run of the job begins another series. */
export class MetricSeries {
  readonly #points: MetricPoint[] = [];
  #last = Number.NEGATIVE_INFINITY;
  #onPoint: () => void = () => undefined;

  /** Keeps the point unless the last one is too recent. */
  add(point: MetricPoint, now: number): void {
    const before = this.#points.at(-1);
    const pace = FIRST_PACE_MS * 2 ** Math.floor(this.#points.length / POINTS_PER_PACE);
    if (now - this.#last < pace || before?.step === point.step) return;
    this.#last = now;
    this.#points.push(point);
    this.#onPoint();
  }

  watch(onPoint: () => void): void {
    this.#onPoint = onPoint;
  }

  /** @param next the first point; negative counts from the end */
  read(
    next: number,
    max: number,
  ): { readonly from: number; readonly points: MetricPoint[]; readonly more: boolean } {
    const end = this.#points.length;
    const from = Math.min(Math.max(0, next < 0 ? end + next : next), end);
    const points = this.#points.slice(from, from + max);
    return { from, points, more: from + points.length < end };
  }
}
