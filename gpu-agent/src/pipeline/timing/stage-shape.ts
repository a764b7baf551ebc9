/**
 * How a stage's progress relates to time: the share of its working time that has passed when it reports 10, 20, …, 90
 * %. Nine numbers, 0–1, never falling. A stage whose last steps are slow has smaller numbers than the straight line.
 */
export type StageShape = readonly number[];

export const SHAPE_POINTS = 9;

export const STRAIGHT: StageShape = Array.from(
  { length: SHAPE_POINTS },
  (_, i) => (i + 1) / (SHAPE_POINTS + 1),
);

/** The share of the working time, 0–1, that has passed when a stage reports `fraction`. */
export function timeShare(shape: StageShape, fraction: number): number {
  const points = [0, ...shape, 1];
  const position = Math.min(1, Math.max(0, fraction)) * (points.length - 1);
  const below = Math.min(points.length - 2, Math.floor(position));
  const [from = 0, to = 1] = points.slice(below, below + 2);
  return from + (to - from) * (position - below);
}

/** The pointwise median of the shapes; the straight line when there are none. */
export function medianShape(shapes: readonly StageShape[]): StageShape {
  if (shapes.length === 0) return STRAIGHT;
  return STRAIGHT.map((straight, i) => median(shapes.map((shape) => shape[i] ?? straight)));
}

/** @returns NaN for no numbers */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [upper = Number.NaN] = sorted.slice(middle);
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** The measurements of one stage run: its preparation and working time, in seconds, and its shape. */
export interface StageTrace {
  /** The time before the first progress above 0, which does not grow with the size of the job. */
  readonly preparing: number;
  readonly working: number;
  readonly shape: StageShape;
}

/** A first progress above this reports much work at once, so the time before it is not preparation. */
const LARGEST_FIRST_STEP = 1 / (SHAPE_POINTS + 1);

/** Traces one run of a stage. Times are seconds since its beginning. */
export class StageTracer {
  /** The first reported progress above 0, and its time; null before. */
  first: { readonly fraction: number; readonly at: number } | null = null;
  #last = { fraction: 0, at: 0 };
  #preparing = 0;
  readonly #crossedAt: number[] = [];

  observe(fraction: number, at: number): void {
    if (fraction <= this.#last.fraction) return;
    if (this.first === null) {
      this.first = { fraction, at };
      if (fraction < LARGEST_FIRST_STEP) {
        this.#preparing = at;
        this.#last = { fraction: 0, at };
      }
    }
    const last = this.#last;
    for (let point = this.#crossedAt.length + 1; point <= SHAPE_POINTS; point++) {
      const mark = point / (SHAPE_POINTS + 1);
      if (mark > fraction) break;
      this.#crossedAt.push(last.at + ((at - last.at) * (mark - last.fraction)) / (fraction - last.fraction));
    }
    this.#last = { fraction, at };
  }

  /** Ends the trace of a stage that took `seconds`. */
  finish(seconds: number): StageTrace {
    this.observe(1, seconds);
    const preparing = Math.min(this.#preparing, seconds);
    const working = seconds - preparing;
    const share = (at: number) => Math.min(1, Math.max(0, (at - preparing) / working));
    return { preparing, working, shape: working > 0 ? this.#crossedAt.map(share) : STRAIGHT };
  }
}
