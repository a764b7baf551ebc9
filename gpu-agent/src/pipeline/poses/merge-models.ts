import { evenly } from "../evenly.ts";
import type { Alignment } from "./align-models.ts";
import { project } from "./camera-models.ts";
import type { ColmapImage, ColmapModel, ColmapPoint } from "./colmap-model.ts";
import { pairKey } from "./image-pairs.ts";
import { applySimilarity, cameraPose, type Similarity } from "./normalize.ts";
import { inCamera, pointsByFeature, type View, viewsById } from "./observations.ts";
import {
  apply,
  dot,
  length,
  multiply,
  normalized,
  quaternionOf,
  rotationOf,
  scale,
  subtract,
  transpose,
} from "./vectors.ts";

/** Both models as one, in the frame of `base`, whose cameras and poses count where both have them. */
export function mergeModels(base: ColmapModel, other: ColmapModel, alignment: Alignment): ColmapModel {
  const { similarity, common } = alignment;
  const shared = new Set(base.images.map(({ id }) => id));
  const added = other.images.filter(({ id }) => !shared.has(id)).map((image) => moved(image, similarity));
  const addedIds = new Set(added.map(({ id }) => id));
  const taken = pointsByFeature(base);
  const baseOf = new Map(common.map(([one, another]) => [another, one]));
  const longer = new Map<number, number[]>();
  const points: ColmapPoint[] = [];
  for (const [index, { position, colour, error, track }] of other.points.entries()) {
    const one = baseOf.get(index);
    const kept: number[] = [];
    for (let i = 0; i < track.length; i += 2) {
      const [image = 0, feature = 0] = track.subarray(i, i + 2);
      const isFree = addedIds.has(image) || (shared.has(image) && !taken.get(image)?.has(feature));
      if (isFree) kept.push(image, feature);
    }
    if (one !== undefined) longer.set(one, [...(longer.get(one) ?? []), ...kept]);
    else if (kept.length >= 4)
      points.push({
        position: applySimilarity(similarity, position),
        colour,
        error,
        track: Uint32Array.from(kept),
      });
  }
  const extended = base.points.map((point, index) => {
    const more = longer.get(index);
    return more === undefined ? point : { ...point, track: Uint32Array.from([...point.track, ...more]) };
  });
  return {
    cameras: new Map([...other.cameras, ...base.cameras]),
    images: [...base.images, ...added],
    points: [...extended, ...points],
  };
}

/** The image in the frame that `similarity` leads to. */
function moved(image: ColmapImage, { rotation, scale: factor, translation }: Similarity): ColmapImage {
  const turned = multiply(rotationOf(image.quaternion), transpose(rotation));
  return {
    ...image,
    quaternion: quaternionOf(turned),
    translation: subtract(scale(image.translation, factor), apply(turned, translation)),
  };
}

/** Views that see the same thing from about the same side at about the same distance have to match. */
const MAX_ANGLE_COSINE = Math.cos((20 * Math.PI) / 180);
const MAX_DEPTH_RATIO = 1.5;
const MIN_SEEN_SHARE = 0.5;
const MIN_POINTS = 30;
/** This many of an image's points are a sample. */
const SAMPLE = 200;

/** Two images, by name. */
export type NamePair = readonly [string, string];

/** Pairs of images of a model that have to match if the model is right: both show half of what one of them shows. */
export function overlappingPairs(
  model: ColmapModel,
  ofFirst: ReadonlySet<string>,
  ofSecond: ReadonlySet<string>,
): NamePair[] {
  const views = viewsById(model);
  const seen = pointsByFeature(model);
  const all = [...views.values()];
  const [firsts, seconds] = [ofFirst, ofSecond].map((names) =>
    all.filter(({ image }) => names.has(image.name)),
  );
  const pairs = new Map<string, NamePair>();
  for (const a of firsts ?? []) {
    for (const b of seconds ?? []) {
      const key = pairKey(a.image.name, b.image.name);
      if (a === b || pairs.has(key)) continue;
      if (shows(b, a, seen, model) || shows(a, b, seen, model)) pairs.set(key, [a.image.name, b.image.name]);
    }
  }
  return [...pairs.values()];
}

/** Whether a view shows most of the points of another, from the same side. */
function shows(
  view: View,
  of: View,
  seen: ReadonlyMap<number, ReadonlyMap<number, number>>,
  model: ColmapModel,
): boolean {
  const indices = [...(seen.get(of.image.id)?.values() ?? [])];
  if (indices.length < MIN_POINTS) return false;
  const [from, at] = [cameraPose(of.image).position, cameraPose(view.image).position];
  let [shown, count] = [0, 0];
  for (const index of evenly(indices, SAMPLE)) {
    const point = model.points[index];
    if (point === undefined) continue;
    count++;
    const pixel = project(view.lens, inCamera(view, point.position));
    if (pixel === null || pixel[0] < 0 || pixel[1] < 0) continue;
    if (pixel[0] > view.lens.width || pixel[1] > view.lens.height) continue;
    const [one, another] = [subtract(from, point.position), subtract(at, point.position)];
    const ratio = length(one) / Math.max(1e-300, length(another));
    const isAlike = ratio < MAX_DEPTH_RATIO && ratio > 1 / MAX_DEPTH_RATIO;
    if (isAlike && dot(normalized(one), normalized(another)) > MAX_ANGLE_COSINE) shown++;
  }
  return shown >= MIN_SEEN_SHARE * count;
}

/** Pairs that have to match: how many were compared, and how many do. */
export interface Agreement {
  readonly compared: number;
  readonly matching: number;
}

/** @param inliers verified matches of the pairs that were compared, by `pairKey` */
export function agreementOf(pairs: readonly NamePair[], inliers: ReadonlyMap<string, number>): Agreement {
  const known = pairs.flatMap(([a, b]) => inliers.get(pairKey(a, b)) ?? []);
  return { compared: known.length, matching: known.filter((count) => count > 0).length };
}

/** With fewer compared pairs across two models there is nothing to judge. */
const MIN_COMPARED = 4;
/** Pairs across have to match at least this often, relative to pairs within the models. */
const MIN_RELATIVE = 0.4;

/**
 * Whether images of two merged models that ought to show the same thing do not match: then the models were merged at
 * the wrong place, such as at the other side of a symmetric building.
 */
export function contradicts(within: Agreement, across: Agreement): boolean {
  if (across.compared < MIN_COMPARED) return false;
  const usual = within.compared < MIN_COMPARED ? 1 : within.matching / within.compared;
  return across.matching / across.compared < MIN_RELATIVE * usual;
}
