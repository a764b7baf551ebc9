import { toOpenCv } from "../poses/camera-models.ts";
import type { ColmapCamera, ColmapImage, ColmapModel, ColmapPoint } from "../poses/colmap-model.ts";
import type { Size } from "../poses/settings.ts";

/** What an image of the model is called, and how large it is, from now on. */
export interface ImageChange {
  readonly name: string;
  readonly size: Size;
}

const OPENCV = 4;
/** A point that fewer images see is not triangulated. */
const MIN_OBSERVATIONS = 2;

/**
 * The model with only some of its images, renamed and resized. Cameras become OPENCV ones of the new sizes; only
 * features of points are kept.
 *
 * @param changes by the images' names; cameras that `toOpenCv` does not know must not be among theirs
 */
export function withImages(model: ColmapModel, changes: ReadonlyMap<string, ImageChange>): ColmapModel {
  const cameras = new Map<number, ColmapCamera>();
  const known = new Map<string, number>();
  const kept = new Map<
    number,
    { image: ColmapImage; features: number[]; factors: readonly [number, number] }
  >();
  for (const image of model.images) {
    const change = changes.get(image.name);
    const camera = model.cameras.get(image.cameraId);
    const lens = camera && toOpenCv(camera);
    if (change === undefined || !lens) continue;
    const { width, height } = change.size;
    const [x, y] = [width / lens.width, height / lens.height];
    const key = `${image.cameraId} ${width} ${height}`;
    const cameraId = known.get(key) ?? known.size + 1;
    known.set(key, cameraId);
    const params = [x * lens.fx, y * lens.fy, x * lens.cx, y * lens.cy, lens.k1, lens.k2, lens.p1, lens.p2];
    cameras.set(cameraId, { id: cameraId, model: OPENCV, width, height, params });
    const renamed = { ...image, id: kept.size + 1, cameraId, name: change.name };
    kept.set(image.id, { image: renamed, features: [], factors: [x, y] });
  }
  const points = model.points.flatMap((point): ColmapPoint[] => {
    const seen: { id: number; feature: number }[] = [];
    for (let i = 0; i < point.track.length; i += 2) {
      const [id = -1, feature = -1] = [point.track[i], point.track[i + 1]];
      const found = kept.get(id);
      if (found !== undefined && 2 * feature < found.image.features.length) seen.push({ id, feature });
    }
    if (seen.length < MIN_OBSERVATIONS) return [];
    const track = seen.flatMap(({ id, feature }) => {
      const { image, features, factors } = kept.get(id) ?? never(id);
      const [x = 0, y = 0] = image.features.subarray(2 * feature, 2 * feature + 2);
      features.push(factors[0] * x, factors[1] * y);
      return [image.id, features.length / 2 - 1];
    });
    return [{ ...point, track: Uint32Array.from(track) }];
  });
  const images = Array.from(kept.values(), ({ image, features }) => ({
    ...image,
    features: Float64Array.from(features),
  }));
  return { cameras, images, points };
}

function never(id: number): never {
  throw new RangeError(`no image ${id}`);
}
