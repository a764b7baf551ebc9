import type { Lens } from "@splatt/formats";
import type { Preset } from "@splatt/shared";
import type { TrainOptions } from "./engine.ts";

interface GpuPreset {
  /** Pixels; null trains at the dataset's resolution. */
  readonly maxLongSide: number | null;
  readonly shDegree: number;
}

/** The presets of the engines that train on a GPU. */
export const GPU_PRESETS: { readonly [preset in Preset]: GpuPreset } = {
  draft: { maxLongSide: 960, shDegree: 1 },
  standard: { maxLongSide: 1600, shDegree: 3 },
  high: { maxLongSide: null, shDegree: 3 },
};

/** The longest side, in pixels, to train at; null means the dataset's. */
export function longSideLimit(options: TrainOptions): number | null {
  return options.max_resolution ?? GPU_PRESETS[options.preset].maxLongSide;
}

/** The longer side, in pixels, to train the largest photos at; none is enlarged. */
export function trainedLongSide(options: TrainOptions, { w, h }: Pick<Lens, "w" | "h">): number {
  return Math.min(Math.max(w, h), longSideLimit(options) ?? Number.POSITIVE_INFINITY);
}

/** The run that the schedules of the GPU trainers were written for. */
const REFERENCE_ITERATIONS = 30_000;

/**
 * Scales a step of the reference run to a shorter one. Schedules are absolute (densification until step 15,000,
 * say), so a run of 5000 steps would end in the first phase. gsplat's own trainer scales likewise (steps_scaler).
 */
export function scaledStep(atReference: number, iterations: number, atLeast = 1): number {
  const pace = Math.min(1, iterations / REFERENCE_ITERATIONS);
  return Math.max(atLeast, Math.round(atReference * pace));
}
