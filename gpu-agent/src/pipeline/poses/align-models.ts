import { evenly } from "../evenly.ts";
import { median } from "../median.ts";
import type { ColmapModel } from "./colmap-model.ts";
import type { ImageMatches } from "./feature-database.ts";
import { applySimilarity, inverseSimilarity, type Similarity } from "./normalize.ts";
import { pointsByFeature, reprojectionError, type View, viewsById } from "./observations.ts";
import { pseudoRandom } from "./pseudo-random.ts";
import { fitSimilarity, meanOf } from "./similarity-fit.ts";
import { dot, symmetricEigen, type Vector3 } from "./vectors.ts";

/** Indices of two points, one in each model, that seem to be the same point of the scene. */
export type PointLink = readonly [base: number, other: number];

/**
 * The points that two models of one database have in common: those that the same feature of a shared image observes,
 * and those whose features match across images.
 */
export function linkPoints(
  base: ColmapModel,
  other: ColmapModel,
  matches: readonly ImageMatches[],
): PointLink[] {
  const [ofBase, ofOther] = [pointsByFeature(base), pointsByFeature(other)];
  const votes = new Map<number, Map<number, number>>();
  const vote = (one: number | undefined, another: number | undefined) => {
    if (one === undefined || another === undefined) return;
    const found = votes.get(one) ?? new Map<number, number>();
    found.set(another, (found.get(another) ?? 0) + 1);
    votes.set(one, found);
  };
  for (const [image, features] of ofBase) {
    const same = ofOther.get(image);
    if (same !== undefined) for (const [feature, point] of features) vote(point, same.get(feature));
  }
  for (const { first, second, features } of matches) {
    for (let i = 0; i < features.length; i += 2) {
      const [one = 0, another = 0] = features.subarray(i, i + 2);
      vote(ofBase.get(first)?.get(one), ofOther.get(second)?.get(another));
      vote(ofBase.get(second)?.get(another), ofOther.get(first)?.get(one));
    }
  }
  // Each point of the other model goes to the one with the most votes.
  const best = new Map<number, { readonly base: number; readonly count: number }>();
  for (const [one, others] of votes) {
    for (const [another, count] of others) {
      const found = best.get(another);
      if (found === undefined || count > found.count) best.set(another, { base: one, count });
    }
  }
  return [...best].map(([another, { base: one }]) => [one, another] as const);
}

/** With fewer common points, or a smaller share of the links, two models may fit by chance. */
export const MIN_COMMON = 20;
const MIN_COMMON_SHARE = 0.3;
/** How far a common point may appear from its features in the other model's images: share of the longer side. */
const TOLERANCE = 0.008;
const TRIALS = 600;
const MAX_LINKS = 600;
const REFITS = 4;
/**
 * The common points' second-largest extent, relative to their distance from the cameras: in a line, they leave a turn
 * open.
 */
const MIN_WIDTH = 0.02;

/** How one model lies in the frame of another. */
export interface Alignment {
  /** From the other model's frame into the base's. */
  readonly similarity: Similarity;
  /** The links that agree with it. */
  readonly common: readonly PointLink[];
}

/**
 * The similarity that most links agree with (RANSAC; Fischler and Bolles, 1981). A link agrees when each of its points
 * appears, in the other model's images, near the features that the other point was made from: along the rays, points
 * are too uncertain to be compared in space. Equal input gives equal results.
 *
 * @returns null when too few links agree
 */
export function alignModels(
  base: ColmapModel,
  other: ColmapModel,
  links: readonly PointLink[],
): Alignment | null {
  if (links.length < MIN_COMMON) return null;
  const [baseViews, otherViews] = [viewsById(base), viewsById(other)];
  const agrees = (similarity: Similarity, [one, another]: PointLink): boolean => {
    const back = inverseSimilarity(similarity);
    const [p, q] = [base.points[one], other.points[another]];
    if (p === undefined || q === undefined) return false;
    return (
      isSeen(applySimilarity(similarity, q.position), p.track, baseViews) &&
      isSeen(applySimilarity(back, p.position), q.track, otherViews)
    );
  };
  const fitTo = (chosen: readonly PointLink[]): Similarity | null =>
    fitSimilarity(
      chosen.map(([, another]) => other.points[another]?.position ?? [0, 0, 0]),
      chosen.map(([one]) => base.points[one]?.position ?? [0, 0, 0]),
    );
  const sample = evenly(links, MAX_LINKS);
  const random = pseudoRandom(11);
  const pick = (): PointLink => sample[Math.floor(random() * sample.length)] ?? [0, 0];
  let best: { readonly similarity: Similarity; readonly common: readonly PointLink[] } | null = null;
  for (let trial = 0; trial < TRIALS; trial++) {
    const similarity = fitTo([pick(), pick(), pick()]);
    if (similarity === null) continue;
    const common = sample.filter((link) => agrees(similarity, link));
    if (common.length > (best?.common.length ?? 2)) best = { similarity, common };
  }
  if (best === null) return null;
  let alignment: Alignment = { ...best, common: links.filter((link) => agrees(best.similarity, link)) };
  for (let i = 0; i < REFITS; i++) {
    const similarity = fitTo(alignment.common);
    if (similarity === null) break;
    const common = links.filter((link) => agrees(similarity, link));
    if (common.length < alignment.common.length) break;
    alignment = { similarity, common };
  }
  const { common } = alignment;
  if (common.length < MIN_COMMON || common.length < MIN_COMMON_SHARE * links.length) return null;
  const places = common.map(([one]) => base.points[one]?.position ?? ([0, 0, 0] as const));
  return isWide(places, common, base, baseViews) ? alignment : null;
}

/** This many of a point's observations are compared. */
const OBSERVATIONS = 3;

/** Whether a point appears where most of the features of a track are. */
function isSeen(position: Vector3, track: Uint32Array, views: ReadonlyMap<number, View>): boolean {
  const count = Math.min(OBSERVATIONS, track.length / 2);
  let near = 0;
  for (let i = 0; i < count; i++) {
    const view = views.get(track[2 * i] ?? -1);
    if (view === undefined) continue;
    const limit = TOLERANCE * Math.max(view.lens.width, view.lens.height);
    if (reprojectionError(view, position, track[2 * i + 1] ?? 0) <= limit) near++;
  }
  return 2 * near > count;
}

function isWide(
  places: readonly Vector3[],
  common: readonly PointLink[],
  base: ColmapModel,
  views: ReadonlyMap<number, View>,
): boolean {
  const centre = meanOf(places);
  const moment = (i: 0 | 1 | 2, j: 0 | 1 | 2) =>
    places.reduce((sum, p) => sum + (p[i] - centre[i]) * (p[j] - centre[j]), 0) / places.length;
  const { values } = symmetricEigen([
    [moment(0, 0), moment(0, 1), moment(0, 2)],
    [moment(1, 0), moment(1, 1), moment(1, 2)],
    [moment(2, 0), moment(2, 1), moment(2, 2)],
  ]);
  const depths = common.flatMap(([one]) => {
    const point = base.points[one];
    const view = point && views.get(point.track[0] ?? -1);
    if (!point || !view) return [];
    return [dot(view.rotation[2], point.position) + view.image.translation[2]];
  });
  return Math.sqrt(Math.max(0, values[1])) >= MIN_WIDTH * median(depths);
}
