import { type Failure, ok, type Result } from "@splatt/shared";
import type { ColmapJob } from "./colmap-step.ts";
import { extractAllFeatures, HARDLY_ANY_FEATURES } from "./extract-features.ts";
import { placeCameras } from "./map-cameras.ts";
import { matchFrames, matchPairList } from "./match-frames.ts";
import { type Merger, mergeFragments } from "./merge-fragments.ts";
import {
  type PassOutcome,
  type PassPlan,
  type PassReport,
  type PlacedModel,
  passPaths,
  registeredIn,
} from "./pass.ts";
import { FEW_FEATURES, finer } from "./settings.ts";

/** The seconds that the steps of a pass take, or took. */
export interface PassSeconds {
  readonly extract: number;
  readonly match: number;
  readonly map: number;
}

export interface PassResult {
  readonly outcome: PassOutcome;
  /** The settings that were used: finer than planned where there were few features. */
  readonly plan: PassPlan;
  readonly seconds: PassSeconds;
}

/** The usual shares of a first pass's time; matching is by far the longest on a CPU. */
export const USUAL_SHARES: PassSeconds = { extract: 0.15, match: 0.5, map: 0.35 };

/**
 * Runs feature extraction, matching and mapping in `dir`, which is emptied first.
 *
 * @param shares how the pass's time is expected to be divided, for the progress
 * @param report receives the completed share of the pass, 0–1, and COLMAP's current activity
 * @returns an outcome without a model when the images yield none; `colmap_failed` when COLMAP breaks or its files do
 *   not match the frames; and what `runCheckedStep` returns
 */
export async function runPass(
  job: ColmapJob,
  plan: PassPlan,
  dir: string,
  shares: PassSeconds,
  report: PassReport,
): Promise<Result<PassResult, Failure>> {
  const progress = phases(shares, report);
  const paths = passPaths(dir, job.images);
  const watch = stopwatch();
  let used = plan;
  let extracted = await extractAllFeatures(job, used, dir, progress.extract);
  if (extracted.ok && extracted.value < FEW_FEATURES && plan(job.gpu.enabled).firstOctave === 0) {
    used = (gpu) => finer(plan(gpu));
    extracted = await extractAllFeatures(job, used, dir, progress.extract);
  }
  if (!extracted.ok) return extracted;
  const features = extracted.value;
  const extract = watch();
  if (features < HARDLY_ANY_FEATURES) {
    const outcome = { models: [], features, connected: 0, problem: "no_matches", fault: null } as const;
    return ok({
      outcome: { ...outcome, lastWords: "" },
      plan: used,
      seconds: { extract, match: 0, map: 0 },
    });
  }
  const matched = await matchFrames(job, used, paths, progress.match);
  if (!matched.ok) return matched;
  const match = watch();
  const placed = await placeCameras(job, used, paths, null, features, progress.map);
  if (!placed.ok) return placed;
  return ok({ outcome: placed.value, plan: used, seconds: { extract, match, map: watch() } });
}

/** How to continue a pass from its features and matches. */
export interface Continuation {
  readonly plan: PassPlan;
  /** Pairs to match before mapping. */
  readonly pairs: readonly (readonly [string, string])[];
  /** The outcome to continue. */
  readonly from: PassOutcome;
  /** Extends the largest model, after merging others with it; otherwise, new models are begun. */
  readonly extend: boolean;
  /** Models of the same database that may be merged with the largest. */
  readonly fragments: readonly PlacedModel[];
  /** Only merges; the mapper does not run. */
  readonly onlyMerge: boolean;
  /** Where the new models go, within the pass's folder. */
  readonly sparse: string;
}

/** Continues the pass in `dir`. */
export async function continuePass(
  job: ColmapJob,
  { plan, pairs, from, extend, fragments, onlyMerge, sparse }: Continuation,
  dir: string,
  shares: PassSeconds,
  report: PassReport,
): Promise<Result<PassOutcome, Failure>> {
  const progress = phases(shares, report);
  const paths = { ...passPaths(dir, job.images), sparse };
  const matched = await matchPairList(job, plan, paths, pairs, progress.match);
  if (!matched.ok) return matched;
  const model = extend ? (from.models[0] ?? null) : null;
  if (model === null) return placeCameras(job, plan, paths, null, from.features, progress.map);
  const merger = await mergeFragments(job, plan, paths, model, fragments, `${sparse}-merged`, progress.map);
  if (!merger.ok) return merger;
  const merged = merger.value === null ? null : outcomeOf(from, merger.value);
  if (onlyMerge || merged?.models[0]?.names.length === job.names.length) return ok(merged ?? from);
  const base = merged?.models[0] ?? model;
  const placed = await placeCameras(job, plan, paths, base.dir, from.features, progress.map);
  if (merged === null || job.context.signal.aborted) return placed;
  return placed.ok && registeredIn(placed.value) >= registeredIn(merged) ? placed : ok(merged);
}

/** The outcome with some of its models merged. */
function outcomeOf(from: PassOutcome, { model, merged }: Merger): PassOutcome {
  const [, ...others] = from.models.filter((one) => !merged.includes(one));
  return { ...from, models: [model, ...others], problem: null, fault: null };
}

/** Puts the progress of the steps on one scale. */
function phases({ extract, match, map }: PassSeconds, report: PassReport) {
  const whole = Math.max(1e-9, extract + match + map);
  const part =
    (before: number, share: number): PassReport =>
    (fraction, message) =>
      report((before + share * fraction) / whole, message);
  return { extract: part(0, extract), match: part(extract, match), map: part(extract + match, map) };
}

/** @returns a function that returns the seconds since its last call */
function stopwatch(): () => number {
  let last = performance.now();
  return () => {
    const now = performance.now();
    const seconds = (now - last) / 1000;
    last = now;
    return seconds;
  };
}
