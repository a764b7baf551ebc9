import type { ColmapModel } from "./colmap-model.ts";
import type { Place } from "./colmap-step.ts";
import { applySimilarity, cameraPose } from "./normalize.ts";
import { fitSimilarity, meanOf, spread, widthOf } from "./similarity-fit.ts";
import { normalized, subtract, type Vector3 } from "./vectors.ts";

/** Receivers are good to a few metres: over a smaller extent, positions tell no direction. */
const MIN_EXTENT_METRES = 15;
const MIN_CAMERAS = 5;
/** The positions must not lie in a line: their smaller extent relative to the larger. */
const MIN_WIDTH = 0.15;
/** The root mean square error of the fit relative to the extent, above which it is not believed. */
const MAX_ERROR = 0.25;

/** How the model lies on the earth. */
export interface GeographicFit {
  /** Up in the model's world, of length 1. */
  readonly up: Vector3;
  /** Metres for each unit of the model's world. */
  readonly metres: number;
  /** 0–1 */
  readonly confidence: number;
}

/**
 * The similarity between the model and the GPS positions of its images.
 *
 * @param places where images were taken, by name: x east, y north, z up
 * @returns null when the positions do not determine it
 */
export function fitToEarth(model: ColmapModel, places: ReadonlyMap<string, Place>): GeographicFit | null {
  const cameras = model.images.flatMap((image) => {
    const place = places.get(image.name);
    return place === undefined ? [] : [{ position: cameraPose(image).position, place }];
  });
  if (cameras.length < MIN_CAMERAS) return null;
  const from = cameras.map(({ position }) => position);
  const to = cameras.map(({ place }): Vector3 => place);
  const extent = spread(centred(to));
  if (extent < MIN_EXTENT_METRES || widthOf(centred(from)) < MIN_WIDTH || widthOf(centred(to)) < MIN_WIDTH)
    return null;
  const fit = fitSimilarity(from, to);
  if (fit === null) return null;
  const errors = from.map((p, k) => subtract(applySimilarity(fit, p), to[k] ?? p));
  const error = spread(errors) / extent;
  if (error > MAX_ERROR) return null;
  return {
    // The earth's up, turned into the model's world.
    up: normalized(fit.rotation[2]),
    metres: fit.scale,
    confidence: Math.round(100 * (1 - 2 * error)) / 100,
  };
}

function centred(points: readonly Vector3[]): Vector3[] {
  const centre = meanOf(points);
  return points.map((p) => subtract(p, centre));
}
