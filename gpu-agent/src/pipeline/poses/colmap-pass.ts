import { type Failure, ok, type Result } from "@splatt/shared";
import type { ColmapJob } from "./colmap-step.ts";
import { extractAllFeatures, HARDLY_ANY_FEATURES } from "./extract-features.ts";
import { placeCameras } from "./map-cameras.ts";
import { matchFrames, matchPairList } from "./match-frames.ts";
import { type PassOutcome, type PassPlan, type PassReport, passPaths } from "./pass.ts";
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
  /** The folder of the model to extend; null begins a new one. */
  readonly model: string | null;
  /** Where the new models go, within the pass's folder. */
  readonly sparse: string;
}

/** Continues the pass in `dir`. @param features per image */
export async function continuePass(
  job: ColmapJob,
  { plan, pairs, model, sparse }: Continuation,
  dir: string,
  features: number,
  shares: PassSeconds,
  report: PassReport,
): Promise<Result<PassOutcome, Failure>> {
  const progress = phases(shares, report);
  const paths = { ...passPaths(dir, job.images), sparse };
  const matched = await matchPairList(job, plan, paths, pairs, progress.match);
  if (!matched.ok) return matched;
  return placeCameras(job, plan, paths, model, features, progress.map);
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
