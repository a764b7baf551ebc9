import type { Rectangle } from "./bars.ts";
import type { Footage, PictureRange } from "./frame-plan.ts";
import { type Orientation, sameOrientation, swapsSides } from "./orientation.ts";

/** The size and pixel aspect ratio of decoded pictures. */
export interface Shape {
  /** Pixels as decoded, before turning upright. */
  readonly width: number;
  readonly height: number;
  readonly pixelAspect: number;
}

export interface Geometry extends Shape {
  readonly orientation: Orientation;
}

/** Consecutive pictures of one shape. */
export interface ShapeRun extends PictureRange {
  readonly shape: Shape;
}

/** Consecutive pictures of one geometry. */
export interface GeometryRun extends PictureRange {
  readonly geometry: Geometry;
}

export function sameGeometry(a: Geometry, b: Geometry): boolean {
  return (
    a.width === b.width &&
    a.height === b.height &&
    Math.abs(a.pixelAspect - b.pixelAspect) < 1e-3 &&
    sameOrientation(a.orientation, b.orientation)
  );
}

/** From this picture on, up to the next turn, pictures have this orientation. */
export interface Turn {
  readonly from: number;
  readonly orientation: Orientation;
}

/** @param turns ascending; the first is at picture 0 */
export function geometryRuns(shapes: readonly ShapeRun[], turns: readonly Turn[]): GeometryRun[] {
  const runs: GeometryRun[] = [];
  for (const { from, to, shape } of shapes) {
    for (const [i, turn] of turns.entries()) {
      const start = Math.max(from, turn.from);
      const end = Math.min(to, turns[i + 1]?.from ?? to);
      if (start >= end) continue;
      const geometry = { ...shape, orientation: turn.orientation };
      const last = runs.at(-1);
      if (last && sameGeometry(last.geometry, geometry)) runs[runs.length - 1] = { ...last, to: end };
      else runs.push({ from: start, to: end, geometry });
    }
  }
  return runs;
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
  // Very high pixels are those of fields: a lower width would lose detail.
  const square =
    pixelAspect < 0.6
      ? { width: crop.width, height: Math.round(crop.height / pixelAspect) }
      : { width: Math.max(1, Math.round(crop.width * pixelAspect)), height: crop.height };
  return swapsSides(orientation) ? { width: square.height, height: square.width } : square;
}
