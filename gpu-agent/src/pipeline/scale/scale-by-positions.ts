import type { Transforms } from "@splatt/formats";
import type { ScaleReport } from "@splatt/shared";
import type { ColmapModel } from "../poses/colmap-model.ts";
import type { Place } from "../poses/colmap-step.ts";
import { fitToEarth } from "../poses/geographic-fit.ts";

/**
 * The metres of one unit of the dataset, by the GPS positions of its photos.
 *
 * @param transforms the dataset that was made from the model
 * @param places where images were taken, by name; metres
 * @returns null when the positions do not determine it
 */
export function scaleByPositions(
  model: ColmapModel,
  places: ReadonlyMap<string, Place>,
  { applied_transform, applied_scale }: Transforms,
): ScaleReport | null {
  const fit = fitToEarth(model, places);
  if (fit === null) return null;
  // The rows are those of a rotation times the scale.
  const [[x, y, z]] = applied_transform;
  return {
    metres_per_unit: Number((fit.metres / (applied_scale * Math.hypot(x, y, z))).toPrecision(4)),
    source: "positions",
    confidence: fit.confidence,
  };
}
