import { type OpenCvCamera, project, toOpenCv } from "./camera-models.ts";
import type { ColmapImage, ColmapModel } from "./colmap-model.ts";
import { add, apply, type Matrix3, rotationOf, type Vector3 } from "./vectors.ts";

/** An image with what is needed to project points into it. */
export interface View {
  readonly image: ColmapImage;
  readonly rotation: Matrix3;
  readonly lens: OpenCvCamera;
}

/** The model's views by image id; images whose camera cannot project are left out. */
export function viewsById({ images, cameras }: ColmapModel): Map<number, View> {
  const views = new Map<number, View>();
  for (const image of images) {
    const camera = cameras.get(image.cameraId);
    const lens = camera === undefined ? null : toOpenCv(camera);
    if (lens !== null) views.set(image.id, { image, rotation: rotationOf(image.quaternion), lens });
  }
  return views;
}

/** The point in the camera's frame: x right, y down, z forward. */
export function inCamera({ image, rotation }: View, position: Vector3): Vector3 {
  return add(apply(rotation, position), image.translation);
}

/** How far a point appears from a feature, in pixels; infinite behind the camera. */
export function reprojectionError(view: View, position: Vector3, feature: number): number {
  const pixel = project(view.lens, inCamera(view, position));
  const { features } = view.image;
  if (pixel === null) return Number.POSITIVE_INFINITY;
  const error = Math.hypot(
    pixel[0] - (features[2 * feature] ?? Number.NaN),
    pixel[1] - (features[2 * feature + 1] ?? Number.NaN),
  );
  return Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
}

/** For each image, the index of the point that each of its features observes. */
export function pointsByFeature({ points }: Pick<ColmapModel, "points">): Map<number, Map<number, number>> {
  const byImage = new Map<number, Map<number, number>>();
  for (const [index, { track }] of points.entries()) {
    for (let i = 0; i < track.length; i += 2) {
      const image = track[i] ?? 0;
      const features = byImage.get(image) ?? new Map<number, number>();
      features.set(track[i + 1] ?? 0, index);
      byImage.set(image, features);
    }
  }
  return byImage;
}

/** Observations farther off than this many pixels are wrong; COLMAP's mapper has the same limit. */
export const MAX_REPROJECTION_ERROR = 4;

/** The same model without observations that are farther off than `limit` (pixels), and with the points' errors. */
export function withoutOutliers(model: ColmapModel, limit: number): ColmapModel {
  const views = viewsById(model);
  const points = model.points.flatMap((point) => {
    const track: number[] = [];
    let sum = 0;
    for (let i = 0; i < point.track.length; i += 2) {
      const [image = 0, feature = 0] = point.track.subarray(i, i + 2);
      const view = views.get(image);
      const error =
        view === undefined ? Number.POSITIVE_INFINITY : reprojectionError(view, point.position, feature);
      if (error > limit) continue;
      track.push(image, feature);
      sum += error;
    }
    if (track.length < 4) return [];
    return [{ ...point, track: Uint32Array.from(track), error: sum / (track.length / 2) }];
  });
  return { ...model, points };
}

/** Observations of all points, and their mean error in pixels. */
export interface Observations {
  readonly count: number;
  readonly meanError: number;
}

/**
 * A changed model may lose this share of the observations, and its error may grow by this factor and this many pixels.
 */
const MAX_LOSS = 0.15;
const MAX_GROWTH = { factor: 1.25, pixels: 0.3 };

/** Why a changed model fits worse than what it was made from; null if it fits as well. */
export function whyWorse(before: Observations, after: Observations): string | null {
  if (after.count < (1 - MAX_LOSS) * before.count)
    return `only ${after.count} of ${before.count} observations would fit`;
  const most = Math.max(MAX_GROWTH.factor * before.meanError, before.meanError + MAX_GROWTH.pixels);
  return after.meanError <= most
    ? null
    : `the error would grow from ${before.meanError.toFixed(2)} to ${after.meanError.toFixed(2)} pixels`;
}

export function observationsOf({ points }: Pick<ColmapModel, "points">): Observations {
  let [count, sum] = [0, 0];
  for (const { track, error } of points) {
    count += track.length / 2;
    sum += (track.length / 2) * Math.max(0, error);
  }
  return { count, meanError: count === 0 ? 0 : sum / count };
}
