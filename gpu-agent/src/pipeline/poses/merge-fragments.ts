import { join } from "node:path";
import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import { evenly } from "../evenly.ts";
import { type Alignment, alignModels, linkPoints, MIN_COMMON } from "./align-models.ts";
import { adjustModel } from "./bundle-adjustment.ts";
import type { ColmapPaths } from "./colmap-commands.ts";
import type { ColmapModel } from "./colmap-model.ts";
import type { ColmapJob } from "./colmap-step.ts";
import { type ImageMatches, readMatchedPairs, readVerifiedMatches } from "./feature-database.ts";
import { pairKey } from "./image-pairs.ts";
import { matchPairList } from "./match-frames.ts";
import { agreementOf, contradicts, mergeModels, overlappingPairs } from "./merge-models.ts";
import { readModel, writeModel } from "./model-files.ts";
import { type Observations, observationsOf, whyWorse } from "./observations.ts";
import type { PassPlan, PassReport, PlacedModel } from "./pass.ts";

/** Pairs that are matched to verify a merger. */
const VERIFIED_PAIRS = 24;

export interface Merger {
  readonly model: PlacedModel;
  /** The models that are now part of it. */
  readonly merged: readonly PlacedModel[];
}

/**
 * Merges a model with others of the same database that add images to it and have enough points in common with it. Each
 * merger is adjusted, and kept only if it holds together as well as its parts.
 *
 * @param dir where the merged models go
 * @param report receives the current activity
 * @returns null when no model could be merged; and the failure of an aborted job
 */
export async function mergeFragments(
  job: ColmapJob,
  plan: PassPlan,
  paths: ColmapPaths,
  base: PlacedModel,
  others: readonly PlacedModel[],
  dir: string,
  report: PassReport,
): Promise<Result<Merger | null, Failure>> {
  let model = base;
  const merged: PlacedModel[] = [];
  let waiting = [...others];
  // What has been merged may link the next one.
  for (let progress = true; progress; ) {
    progress = false;
    for (const other of waiting) {
      const names = new Set(model.names);
      if (other.names.every((name) => names.has(name))) continue;
      const folder = join(dir, String(merged.length));
      report(0, `merging a model of ${other.names.length} frames with one of ${model.names.length}`);
      const whole = await mergeTwo(job, plan, paths, model, other, folder);
      if (!whole.ok && job.context.signal.aborted) return whole;
      const sizes = { base: model.names.length, other: other.names.length };
      if (!whole.ok) {
        job.context.log.info({ ...sizes, why: whole.error.detail }, "two models are not merged");
        continue;
      }
      job.context.log.info({ ...sizes, merged: whole.value.names.length }, "two models are merged");
      model = whole.value;
      merged.push(other);
      waiting = waiting.filter((one) => one !== other);
      progress = true;
    }
  }
  return ok(merged.length === 0 ? null : { model, merged });
}

async function mergeTwo(
  job: ColmapJob,
  plan: PassPlan,
  paths: ColmapPaths,
  one: PlacedModel,
  another: PlacedModel,
  dir: string,
): Promise<Result<PlacedModel, Failure>> {
  const [base, other] = [await readModel(one.dir), await readModel(another.dir)];
  if (!base.ok) return notMerged(base.error);
  if (!other.ok) return notMerged(other.error);
  const [ids, otherIds] = [idsOf(base.value), idsOf(other.value)];
  const matches = readVerifiedMatches(paths.database, ids, otherIds);
  if (!matches.ok) return notMerged(matches.error);
  const work = join(dir, "work");
  const aligned = await align(job, base.value, other.value, matches.value, work);
  if (!aligned.ok) return aligned;
  const merged = mergeModels(base.value, aligned.value.part, aligned.value.alignment);
  const adjusted = await adjustModel(job, merged, {}, work);
  if (!adjusted.ok) return adjusted;
  const why =
    whyWorse(together(base.value, other.value), observationsOf(adjusted.value)) ??
    (await disagreement(job, plan, paths, one, another, adjusted.value));
  if (why !== null) return notMerged(why);
  const folder = join(dir, "model");
  await writeModel(folder, adjusted.value);
  const { images, points } = adjusted.value;
  return ok({ dir: folder, names: images.map(({ name }) => name), points: points.length });
}

/**
 * Aligns two models, with the base's lenses in both. Few frames hardly tell the focal length, and a model with a wrong
 * one is distorted: no similarity leads from it to a model with the right one.
 *
 * @returns the alignment, and the other model with the base's lenses
 */
async function align(
  job: ColmapJob,
  base: ColmapModel,
  other: ColmapModel,
  matches: readonly ImageMatches[],
  work: string,
): Promise<Result<{ readonly part: ColmapModel; readonly alignment: Alignment }, Failure>> {
  const count = linkPoints(base, other, matches).length;
  const tooFew = notMerged(`too few of their ${count} common points agree`);
  if (count < MIN_COMMON) return tooFew;
  const lenses = [...base.cameras].filter(([id]) => other.cameras.has(id));
  const changed = { ...other, cameras: new Map([...other.cameras, ...lenses]) };
  const keepLens = { keepFocalLength: true, keepDistortion: true };
  // All observations fitted with the lens that they had, and towards the corners another one moves them far.
  const adjusted = await adjustModel(job, changed, keepLens, work, Number.MAX_VALUE);
  if (!adjusted.ok) return adjusted;
  const alignment = alignModels(base, adjusted.value, linkPoints(base, adjusted.value, matches));
  return alignment === null ? tooFew : ok({ part: adjusted.value, alignment });
}

function notMerged(why: string): Result<never, Failure> {
  return err(failure("colmap_failed", why));
}

function idsOf({ images }: ColmapModel): Set<number> {
  return new Set(images.map(({ id }) => id));
}

/** What two models have together: shared images keep their observations of the base only. */
function together(base: ColmapModel, other: ColmapModel): Observations {
  const known = idsOf(base);
  const added = other.points.map((point) => ({
    ...point,
    track: point.track.filter((_, i, track) => !known.has(track[i - (i % 2)] ?? 0)),
  }));
  return observationsOf({ points: [...base.points, ...added] });
}

/** Whether images that have to match if the merger is right do not; some more pairs are matched to know. */
async function disagreement(
  job: ColmapJob,
  plan: PassPlan,
  paths: ColmapPaths,
  one: PlacedModel,
  another: PlacedModel,
  merged: ColmapModel,
): Promise<string | null> {
  const [base, other] = [new Set(one.names), new Set(another.names)];
  const onlyBase = new Set(one.names.filter((name) => !other.has(name)));
  const onlyOther = new Set(another.names.filter((name) => !base.has(name)));
  const across = overlappingPairs(merged, onlyBase, onlyOther);
  const before = inliersByPair(paths.database);
  if (!before.ok) return before.error;
  const open = evenly(
    across.filter(([a, b]) => !before.value.has(pairKey(a, b))),
    VERIFIED_PAIRS,
  );
  if (open.length > 0) {
    const matched = await matchPairList({ ...job, matchingEndsAt: null }, plan, paths, open, () => undefined);
    if (!matched.ok) return matched.error.detail;
  }
  const inliers = inliersByPair(paths.database);
  if (!inliers.ok) return inliers.error;
  const found = agreementOf(across, inliers.value);
  const within = agreementOf(
    [...overlappingPairs(merged, base, base), ...overlappingPairs(merged, other, other)],
    inliers.value,
  );
  return contradicts(within, found)
    ? `of ${found.compared} pairs of images that would show the same, only ${found.matching} match`
    : null;
}

function inliersByPair(database: string): Result<ReadonlyMap<string, number>, string> {
  const matched = readMatchedPairs(database);
  if (!matched.ok) return matched;
  return ok(new Map(matched.value.map(({ images: [a, b], inliers }) => [pairKey(a, b), inliers])));
}
