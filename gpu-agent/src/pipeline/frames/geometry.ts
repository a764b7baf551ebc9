import type { Rectangle } from "./bars.ts";
import type { Footage, PictureRange } from "./frame-plan.ts";
import { type Orientation, swapsSides } from "./orientation.ts";

/** The size and pixel aspect ratio of a run of decoded pictures. */
export interface Geometry {
  /** Pixels as decoded, before turning upright. */
  readonly width: number;
  readonly height: number;
  readonly pixelAspect: number;
}

/** Consecutive pictures of one geometry. */
export interface GeometryRun extends PictureRange {
  readonly geometry: Geometry;
}

/**
 * The run with the longest duration between two times. All frames of a job come from one run: scaling the others to its
 * size would distort them, and COLMAP solves for one camera.
 */
export function longestRun(
  runs: readonly GeometryRun[],
  { times, end }: Pick<Footage, "times" | "end">,
  from: number,
  to: number,
): GeometryRun | null {
  const shown = (run: GeometryRun) =>
    Math.min(to, times[run.to] ?? end) - Math.max(from, times[run.from] ?? 0);
  let longest: GeometryRun | null = null;
  // A rounding error must not make the second of two equal runs the longer one.
  for (const run of runs) if (!longest || shown(run) > shown(longest) + 1e-3) longest = run;
  return longest;
}

/** The size of a cropped picture as shown: with square pixels, turned upright. */
export function shownSize(
  crop: Pick<Rectangle, "width" | "height">,
  pixelAspect: number,
  orientation: Orientation,
): { width: number; height: number } {
  const square = { width: Math.max(1, Math.round(crop.width * pixelAspect)), height: crop.height };
  return swapsSides(orientation) ? { width: square.height, height: square.width } : square;
}
