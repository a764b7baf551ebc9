import { median } from "../median.ts";
import type { ColmapImage, ColmapModel } from "./colmap-model.ts";
import { cameraPose } from "./normalize.ts";
import { dot, normalized, subtract } from "./vectors.ts";

/** Pictures are divided into this many cells each way. */
const GRID = 8;
/** A sample of this many points is enough. */
const MAX_POINTS = 5000;

/**
 * How much of the pictures the model explains: of a picture's cells with features, the share with at least one
 * triangulated feature. Median over the registered pictures, 0 to 1.
 *
 * When the most textured thing moves, the cameras follow it and the background stays unexplained. The reprojection
 * error is still small, but the coverage is low.
 */
export function featureCoverage({ images, cameras, points }: ColmapModel): number {
  const placed = new Map<number, number[]>();
  for (const { track } of points) {
    for (let i = 0; i < track.length; i += 2) {
      const image = track[i] ?? 0;
      const seen = placed.get(image);
      if (seen === undefined) placed.set(image, [track[i + 1] ?? 0]);
      else seen.push(track[i + 1] ?? 0);
    }
  }
  return median(
    images.map((image) => {
      const camera = cameras.get(image.cameraId);
      if (camera === undefined) return 0;
      const cellOf = (feature: number) => cell(image, feature, camera.width, camera.height);
      const all = new Set(Array.from({ length: image.features.length / 2 }, (_, feature) => cellOf(feature)));
      const used = new Set((placed.get(image.id) ?? []).map(cellOf));
      return all.size === 0 ? 0 : used.size / all.size;
    }),
  );
}

function cell({ features }: ColmapImage, feature: number, width: number, height: number): number {
  const column = Math.floor((GRID * (features[2 * feature] ?? 0)) / width);
  const row = Math.floor((GRID * (features[2 * feature + 1] ?? 0)) / height);
  return row * GRID + column;
}

/**
 * The parallax of the points: the largest angle between two of a point's rays in degrees, median over the points. With
 * little parallax, depth is a guess.
 */
export function parallaxDegrees({ images, points }: ColmapModel): number {
  const centres = new Map(images.map((image) => [image.id, cameraPose(image).position]));
  const stride = Math.max(1, Math.ceil(points.length / MAX_POINTS));
  const angles: number[] = [];
  for (let p = 0; p < points.length; p += stride) {
    const point = points[p];
    if (point === undefined) continue;
    const seenFrom = new Set(point.track.filter((_, i) => i % 2 === 0));
    const rays = [...seenFrom].flatMap((id) => {
      const centre = centres.get(id);
      return centre === undefined ? [] : [normalized(subtract(centre, point.position))];
    });
    let least = 1;
    for (const [i, ray] of rays.entries()) {
      for (const other of rays.slice(i + 1)) least = Math.min(least, dot(ray, other));
    }
    angles.push((180 / Math.PI) * Math.acos(Math.max(-1, least)));
  }
  return median(angles);
}

export function meanReprojectionError(model: ColmapModel): number | null {
  const errors = model.points.map((point) => point.error).filter((error) => error >= 0);
  return errors.length > 0 ? errors.reduce((sum, error) => sum + error, 0) / errors.length : null;
}
