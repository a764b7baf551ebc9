import type { Transforms } from "@splatt/formats";
import {
  err,
  ok,
  type PictureRef,
  type Result,
  type ScaleReference,
  type ScaleReport,
  type Sighting,
} from "@splatt/shared";
import type { FramesOutput } from "../frames/frames-stage.ts";
import { length, type Matrix3, normalized, subtract, type Vector3 } from "../poses/vectors.ts";
import { findPicture } from "./find-picture.ts";
import { type Located, locatePoint, type SeenIn, varianceAlong } from "./locate-point.ts";

/** How uncertain a solved camera is, in units: the farthest camera is one unit from what it looks at. */
const CAMERA_ERROR = 0.002;
const CAMERA_COVARIANCE: Matrix3 = [
  [CAMERA_ERROR ** 2, 0, 0],
  [0, CAMERA_ERROR ** 2, 0],
  [0, 0, CAMERA_ERROR ** 2],
];
/** A distance that is uncertain by more than this share of it tells no scale. */
const MAX_ERROR = 0.1;

/**
 * The metres of one unit of the dataset, by a known distance.
 *
 * @param transforms the solved cameras
 * @param frames what they were made from
 * @returns or why it cannot be measured, as a sentence without its end
 */
export function measureScale(
  { metres, cameras, points }: ScaleReference,
  transforms: Transforms,
  frames: FramesOutput,
): Result<ScaleReport, string> {
  const ends: Located[] = [];
  for (const camera of cameras ?? []) {
    const position = positionOf(camera, transforms, frames);
    if (!position.ok) return position;
    ends.push({ position: position.value, covariance: CAMERA_COVARIANCE });
  }
  for (const [index, sightings] of (points ?? []).entries()) {
    const point = pointOf(sightings, transforms, frames);
    if (!point.ok) return err(`of the ${index === 0 ? "first" : "second"} point, ${point.error}`);
    ends.push(point.value);
  }
  const [first, second] = ends;
  if (first === undefined || second === undefined) return err("it names no two cameras or points");
  const between = subtract(second.position, first.position);
  const distance = length(between);
  const direction = normalized(between);
  const error = Math.sqrt(varianceAlong(first, direction) + varianceAlong(second, direction)) / distance;
  const what = points === undefined ? "cameras" : "points";
  if (!(distance > 0)) return err(`the two ${what} are in the same place`);
  if (!(error <= MAX_ERROR)) {
    return err(
      points === undefined
        ? "the two cameras are too close together to measure by: choose two that are farther apart"
        : "the two points cannot be located well enough: choose points farther apart, or mark them in pictures from more different sides",
    );
  }
  return ok({
    metres_per_unit: Number((metres / distance).toPrecision(4)),
    source: "reference",
    confidence: Math.round(100 * (1 - error / (2 * MAX_ERROR))) / 100,
  });
}

function positionOf(
  picture: PictureRef,
  transforms: Transforms,
  frames: FramesOutput,
): Result<Vector3, string> {
  const found = findPicture(picture, transforms, frames);
  if (!found.ok) return found;
  const [[, , , x], [, , , y], [, , , z]] = found.value.transform_matrix;
  return ok([x, y, z]);
}

function pointOf(
  sightings: readonly Sighting[],
  transforms: Transforms,
  frames: FramesOutput,
): Result<Located, string> {
  const seen: SeenIn[] = [];
  for (const sighting of sightings) {
    const found = findPicture(sighting, transforms, frames);
    if (!found.ok) return found;
    seen.push({ frame: found.value, x: sighting.x, y: sighting.y });
  }
  return locatePoint(transforms, seen);
}
