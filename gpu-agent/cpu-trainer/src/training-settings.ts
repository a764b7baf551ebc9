import type { JobOptions, Preset } from "@splatt/shared";
import type { BlendingLimits } from "./kernels/projection.ts";

export type TrainOptions = Pick<JobOptions, "iterations" | "preset" | "max_splats" | "max_resolution">;

/** A preset's settings for this trainer. */
interface PresetSettings {
  /** The longer side of the training images, in pixels. */
  readonly longSide: number;
  /** The maximum number of gaussians. */
  readonly capacity: number;
  readonly shDegree: number;
}

const PRESETS: { readonly [preset in Preset]: PresetSettings } = {
  draft: { longSide: 360, capacity: 20_000, shDegree: 1 },
  standard: { longSide: 540, capacity: 40_000, shDegree: 2 },
  high: { longSide: 960, capacity: 150_000, shDegree: 3 },
};

/** Iterations that give a good result for their time on a few processor cores. */
export const RECOMMENDED_ITERATIONS: { readonly [preset in Preset]: number } = {
  draft: 1500,
  standard: 5000,
  high: 15_000,
};

/** More gaussians do not safely fit into the memory of a 32-bit WebAssembly module. */
export const MAX_CAPACITY = 400_000;

/** A step size at the beginning and at the end of training; in between it falls exponentially. */
export type Rate = readonly [first: number, last: number];

/** All settings that determine training. Fractions are of the iterations. */
export interface TrainingSettings {
  readonly iterations: number;
  readonly longSide: number;
  readonly capacity: number;
  readonly shDegree: number;
  readonly seed: number;

  /** Adam's learning rates. That of the means is in units of the cameras' extent. */
  readonly rates: {
    readonly mean: Rate;
    readonly logScale: Rate;
    readonly rotation: Rate;
    readonly opacity: Rate;
    readonly shConstant: Rate;
    readonly shRest: Rate;
  };
  /** Share of D-SSIM in the loss; the rest is L1. */
  readonly ssimWeight: number;
  /** The fraction at which training at each level of the image pyramid ends; then level 0, the finest. */
  readonly coarseLevels: readonly { readonly level: number; readonly until: number }[];
  /** Until this fraction, blending leaves out more than it does in the end: coarser still than the pictures. */
  readonly coarseBlending: BlendingLimits & { readonly until: number };
  /** All rates fall to nearly nothing in the last iterations: this fraction of them. */
  readonly coolDown: number;
  /** The fractions from which degrees 1, 2 and 3 are in use. */
  readonly shDegreeFrom: readonly number[];

  /** The initial opacity of gaussians. */
  readonly initialOpacity: number;
  /** Random points are added to fewer sparse points than this. */
  readonly leastSeedPoints: number;

  readonly densification: DensificationSettings;
}

export interface DensificationSettings {
  /** Between these fractions. */
  readonly from: number;
  readonly until: number;
  /** How many times. */
  readonly rounds: number;
  /** The minimum number of iterations between two densifications. */
  readonly leastIterations: number;
  /** Gaussians below this opacity are recycled. */
  readonly leastOpacity: number;
  /** Gaussians are chosen for splitting with a probability proportional to error^errorPower. */
  readonly errorPower: number;
}

export const DEFAULT_SETTINGS: Omit<TrainingSettings, keyof PresetSettings | "iterations"> = {
  seed: 1,
  rates: {
    mean: [3.2e-3, 1.6e-4],
    logScale: [3e-2, 2.2e-2],
    rotation: [8e-3, 2e-3],
    opacity: [0.1, 0.05],
    shConstant: [2e-2, 5e-3],
    shRest: [3.2e-3, 1.2e-3],
  },
  ssimWeight: 0.2,
  coarseLevels: [
    { level: 2, until: 0.1 },
    { level: 1, until: 0.35 },
  ],
  coarseBlending: { until: 0.8, minAlpha: 4 / 255, minTransmittance: 1e-2 },
  coolDown: 0.15,
  shDegreeFrom: [0.2, 0.4, 0.6],
  initialOpacity: 0.1,
  leastSeedPoints: 3000,
  densification: {
    from: 0.05,
    until: 0.7,
    rounds: 26,
    leastIterations: 20,
    leastOpacity: 0.02,
    errorPower: 0.5,
  },
};

export function trainingSettings(options: TrainOptions): TrainingSettings {
  const preset = PRESETS[options.preset];
  return {
    ...DEFAULT_SETTINGS,
    ...preset,
    longSide: options.max_resolution ?? preset.longSide,
    capacity: Math.min(options.max_splats ?? preset.capacity, MAX_CAPACITY),
    iterations: options.iterations,
  };
}
