import { allLenses, type Lens, largestLens, type Transforms } from "@splatt/formats";
import type { Preset } from "@splatt/shared";
import type { TrainOptions } from "../engine.ts";
import { GPU_PRESETS, scaledStep, trainedLongSide } from "../gpu-presets.ts";

/** Everything that decides how splatfacto trains; the fields below `scale` have the names of its settings. */
export interface TrainingPlan {
  readonly iterations: number;
  /** Null means no limit. */
  readonly maxSplats: number | null;
  /** Pixels at which the scene is trained: the dataset's times `scale`. */
  readonly width: number;
  readonly height: number;
  readonly scale: number;
  readonly cacheImages: "gpu" | "cpu";
  readonly stepsPerSave: number;
  readonly shDegree: number;
  readonly shDegreeInterval: number;
  readonly cullAlphaThresh: number;
  readonly densifyGradThresh: number;
  readonly warmupLength: number;
  readonly stopSplitAt: number;
  readonly resolutionSchedule: number;
  /** Whether each frame gets a transform of its colours, because the exposure changes between frames. */
  readonly bilateralGrid: boolean;
}

interface PresetThresholds {
  readonly cullAlphaThresh: number;
  readonly densifyGradThresh: number;
}

const PRESETS: { readonly [preset in Preset]: PresetThresholds } = {
  // nerfstudio's own defaults.
  draft: { cullAlphaThresh: 0.1, densifyGradThresh: 0.0008 },
  standard: { cullAlphaThresh: 0.1, densifyGradThresh: 0.0008 },
  // What nerfstudio calls splatfacto-big: about twice the gaussians, and twice the memory.
  high: { cullAlphaThresh: 0.005, densifyGradThresh: 0.0005 },
};

const STEPS_PER_SAVE = 2000;
/** Decoded images beyond these limits stay in main memory, to leave GPU memory to the gaussians. */
const MAX_IMAGE_BYTES_ON_GPU = 2 * 1024 ** 3;
const MAX_IMAGE_SHARE_OF_GPU = 0.25;

/**
 * Plans a training, from the job's options, the dataset and the free GPU memory.
 *
 * splatfacto's schedule is absolute (full resolution from step 6000, densification until 15 000, all
 * harmonics from 3000): a run of 5000 steps would never reach full resolution and would end in the
 * middle of densification. Shorter runs get the same phases in proportion. Opacity is still reset every 3000 steps, and
 * only while densification lasts, so a short run has none: it would have no time to recover from one.
 *
 * @param freeGpuBytes null when unknown
 * @param exposureVaries between the frames
 */
export function planTraining(
  options: TrainOptions,
  transforms: Pick<Transforms, keyof Lens | "frames">,
  freeGpuBytes: number | null,
  exposureVaries: boolean,
): TrainingPlan {
  const { iterations, preset } = options;
  const largest = largestLens(transforms);
  const size = scaledSize(largest, trainedLongSide(options, largest), allLenses(transforms));
  const imageBytes = 3 * size.width * size.height * transforms.frames.length;
  const room = Math.min(
    MAX_IMAGE_BYTES_ON_GPU,
    MAX_IMAGE_SHARE_OF_GPU * (freeGpuBytes ?? Number.POSITIVE_INFINITY),
  );
  return {
    iterations,
    maxSplats: options.max_splats,
    ...size,
    cacheImages: imageBytes > room ? "cpu" : "gpu",
    stepsPerSave: STEPS_PER_SAVE,
    shDegree: GPU_PRESETS[preset].shDegree,
    shDegreeInterval: scaledStep(1000, iterations),
    ...PRESETS[preset],
    warmupLength: Math.min(500, Math.round(iterations / 10)),
    stopSplitAt: scaledStep(15_000, iterations),
    resolutionSchedule: scaledStep(3000, iterations),
    bilateralGrid: exposureVaries,
  };
}

/** Sides up to this much shorter than the limit are accepted if they keep the aspect ratio. */
const ASPECT_SLACK = 0.03;
/** Keeps products slightly above the integer that they are truncated to, also in 32-bit floats. */
const ABOVE = 0.02;

/**
 * The factor for nerfstudio to shrink images by, so that their long side is at most `maxLongSide` pixels.
 *
 * nerfstudio truncates width and height to whole pixels, in doubles for the images and in floats for the cameras, and
 * fails when the two differ; and it does not move the principal point by the difference. So the chosen size truncates
 * as little as possible, and the factor is safely above it.
 *
 * @param others further sizes of images, which the same factor must suit
 */
export function scaledSize(
  { w: width, h: height }: Pick<Lens, "w" | "h">,
  maxLongSide: number,
  others: readonly Pick<Lens, "w" | "h">[] = [],
): { scale: number; width: number; height: number } {
  const long = Math.max(width, height);
  const sides = new Set([width, height, ...others.flatMap(({ w, h }) => [w, h])]);
  sides.delete(long);
  if (long <= maxLongSide) return { scale: 1, width, height };
  let best = { cut: Number.POSITIVE_INFINITY, side: maxLongSide };
  for (let side = maxLongSide; side >= Math.max(1, maxLongSide * (1 - ASPECT_SLACK)); side--) {
    const cuts = Array.from(sides, (length) => {
      const product = (length * (side + ABOVE)) / long;
      return product - Math.floor(product);
    });
    // Too close to a whole number: floats may round to either side of it.
    if (cuts.some((cut) => cut < 0.005 || cut > 0.995)) continue;
    const cut = Math.max(...cuts, 0);
    if (cut < best.cut) best = { cut, side };
  }
  const scale = (best.side + ABOVE) / long;
  return { scale, width: Math.floor(width * scale), height: Math.floor(height * scale) };
}
