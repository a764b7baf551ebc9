import type { ColmapModel, ColmapPoint } from "./colmap-model.ts";

/**
 * With fewer points than this in view, the pose of an image is arbitrary. The weakest thresholds let an image in with
 * as many, but bundle adjustment may leave it with one, and put it anywhere: a single one, far away, makes the scene as
 * small as a grain.
 */
const MIN_OBSERVATIONS = 12;

/** @returns the model without the images that hardly any point holds in place; the same object where there are none */
export function withoutLooseImages(model: ColmapModel): ColmapModel {
  const counts = new Map<number, number>();
  for (const { track } of model.points) {
    for (let i = 0; i < track.length; i += 2) {
      const image = track[i] ?? 0;
      counts.set(image, (counts.get(image) ?? 0) + 1);
    }
  }
  const held = model.images.filter(({ id }) => (counts.get(id) ?? 0) >= MIN_OBSERVATIONS);
  if (held.length === model.images.length) return model;
  const ids = new Set(held.map(({ id }) => id));
  const points = model.points.flatMap((point) => pointSeenBy(ids, point));
  const used = new Set(held.map(({ cameraId }) => cameraId));
  const cameras = new Map([...model.cameras].filter(([id]) => used.has(id)));
  // The points that went may have held others.
  return withoutLooseImages({ cameras, images: held, points });
}

/** The point with the observations of these images only; none where fewer than two are left. */
function pointSeenBy(images: ReadonlySet<number>, point: ColmapPoint): ColmapPoint[] {
  const track: number[] = [];
  for (let i = 0; i < point.track.length; i += 2) {
    const image = point.track[i] ?? 0;
    if (images.has(image)) track.push(image, point.track[i + 1] ?? 0);
  }
  if (track.length === point.track.length) return [point];
  return track.length < 4 ? [] : [{ ...point, track: Uint32Array.from(track) }];
}
