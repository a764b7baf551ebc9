import type { PassName, Preset } from "@splatt/shared";
import type { PassSeconds } from "./colmap-pass.ts";
import type { MatchedPair } from "./feature-database.ts";
import type { Thresholds } from "./settings.ts";

/*
 * Which pass follows, when a pass has left frames unplaced. The passes are the rungs of a ladder, cheapest first. Each
 * continues from the database and the model of the ones before, except for the last, which needs finer features. A pass
 * is worth its time if it costs no more than a person would wait for the frames that are missing.
 */

/** The seconds that passes after the first may take together, in a capture that is solved in part. */
const LADDER_SECONDS: { readonly [preset in Preset]: number } = {
  draft: 240,
  standard: 600,
  high: 1500,
};
/** With a smaller share of the frames than this, the result is worth hardly anything, so any pass is worth its time. */
const POOR_SHARE = 0.5;
/** Up to this many frames, all pairs can be matched, as one would by hand. */
const SMALL_SET = 100;
/** A small set is worth all passes if at least this share of its frames with features is not placed. */
const MISSED_SHARE = 0.05;
/**
 * In both cases the passes may take this many times as long as the first: on photos, as long as COLMAP by hand takes.
 */
const TIMES_FIRST = 6;
/** The seconds that a missing frame is worth. Each pass without a gain halves it. */
const SECONDS_PER_FRAME = 30;
/** A pass that may match only a smaller share than this of its pairs, or fewer than `FEW_PAIRS`, is left out. */
const MIN_PAIR_SHARE = 0.2;
const FEW_PAIRS = 30;
/** A model with a smaller share of the frames than this is rebuilt rather than extended: it may be wrong. */
const EXTEND_FROM = 0.4;
/** Relaxed mapping tries more images, and more often. */
const RELAXED_MAPPING = 1.5;
/** Merging models takes this share of the time to make them. */
const MERGING = 0.3;
/** Two stretches that share no matches are two places if this share of the frames is in one of them. */
const PLACES_COVER = 0.9;
/** A place has this many frames, and this many pairs across were compared. */
const PLACE_FRAMES = 8;
const PAIRS_ACROSS = 12;
/** Of all matches: more are explained by a homography when the camera stood. */
const STOOD_SHARE = 0.5;
/** An initial pair is missing, and the relaxed mapper found fewer frames than this: the camera stood. */
const STANDING_SHARE = 0.3;

/** A pass that was run. */
export interface PassRun {
  readonly pass: PassName;
  readonly seconds: number;
  /** Frames of its largest model. */
  readonly registered: number;
  /** Whether it improved on the ones before. */
  readonly gained: boolean;
}

/** What is known after the passes so far. */
export interface LadderState {
  readonly preset: Preset;
  /** Frames with enough features to be placed. */
  readonly frames: number;
  /** Frames without, which finer features may add. */
  readonly blank: number;
  /** In the best model so far; 0 without one. */
  readonly registered: number;
  readonly runs: readonly PassRun[];
  /** The frames match, but the first pass found no two with enough parallax. */
  readonly lacksParallax: boolean;
  /** See `cameraStood`. */
  readonly stood: boolean;
  /** See `separatePlaces`. */
  readonly places: boolean;
  /** Frames that other models have, if none of these was tried to be merged yet. */
  readonly fragments: number;
  /** Pairs not matched yet: with at least one missing frame, and all. */
  readonly missingPairs: number;
  readonly pairs: number;
  /** Seconds of the first pass's steps. */
  readonly first: PassSeconds;
  /** Seconds to match a pair, as measured. */
  readonly secondsPerPair: number;
  /**
   * How many times as long a pair takes with finer features, and extraction; null where they are the finest already.
   */
  readonly finer: { readonly pair: number; readonly extract: number } | null;
}

/** The next pass. */
export interface NextPass {
  readonly pass: PassName;
  /** The most pairs to match. */
  readonly pairs: number;
  /** Whether only pairs with a missing frame are matched. */
  readonly onlyMissing: boolean;
  /** The mapper's thresholds: see settings.ts. */
  readonly mapping: Thresholds;
  /** Extends the best model. */
  readonly extend: boolean;
  /** The seconds that it is expected to take. */
  readonly seconds: PassSeconds;
}

/** Why no pass follows. */
export type LadderEnd = "complete" | "separate places" | "no parallax" | "last pass" | "not worth the time";

export function nextPass(state: LadderState): NextPass | LadderEnd {
  const { frames, blank, registered, runs } = state;
  const missing = Math.max(0, frames - registered);
  if (registered >= frames + blank) return "complete";
  if (state.places) return "separate places";
  const tried = new Set(runs.map(({ pass }) => pass));
  // Other passes continue from the first pass's database, which lacks these features.
  if (tried.has("finer_features")) return "last pass";
  if (state.lacksParallax && state.stood && tried.has("relaxed") && registered < STANDING_SHARE * frames)
    return "no parallax";
  const later = runs.slice(1);
  const left = ladderSecondsLeft(state);
  if (state.fragments > 0 && left > 0) return mergerPass(state);
  const fruitless = later.filter(({ pass, gained }) => !gained && pass !== "merged_models").length;
  for (const candidate of candidates(state)) {
    if (tried.has(candidate.pass)) continue;
    // That more pairs gained nothing says little about finer features.
    const isFiner = candidate.pass === "finer_features";
    const doubts = isFiner ? Math.max(0, fruitless - 1) : fruitless;
    const worth = (SECONDS_PER_FRAME * (isFiner ? missing + blank : missing)) / 2 ** doubts;
    const next = affordable(candidate, isWorthAll(state) ? left : Math.min(left, worth));
    if (next !== null) return next;
  }
  return "not worth the time";
}

/** Whether what is missing is worth all the time that passes may take, whatever the ones before have gained. */
function isWorthAll({ frames, blank, registered }: LadderState): boolean {
  // Blank frames do not count: hardly any of them can be placed, whatever the passes cost.
  const isMissed = frames + blank <= SMALL_SET && frames - registered >= Math.max(1, MISSED_SHARE * frames);
  return registered < POOR_SHARE * frames || isMissed;
}

/**
 * The seconds that further passes may take together. Where much is missing, they grow with the first pass's, so that
 * a machine that is busy or slow runs the same passes as another.
 */
export function ladderSecondsLeft(state: LadderState): number {
  const usual = LADDER_SECONDS[state.preset];
  const { extract, match, map } = state.first;
  const all = isWorthAll(state) ? Math.max(usual, TIMES_FIRST * (extract + match + map)) : usual;
  return state.runs.slice(1).reduce((left, { seconds }) => left - seconds, all);
}

/** It costs so little that it needs no estimate of its worth. */
function mergerPass({ first }: LadderState): NextPass {
  return {
    ...{ pass: "merged_models", pairs: 0, onlyMissing: true, mapping: "strict", extend: true },
    seconds: { extract: 0, match: 0, map: MERGING * first.map },
  };
}

interface Candidate extends Omit<NextPass, "seconds"> {
  readonly extract: number;
  readonly secondsPerPair: number;
  readonly map: number;
}

function candidates(state: LadderState): Candidate[] {
  const { registered, frames, missingPairs, pairs, first, secondsPerPair } = state;
  const relaxedMap = RELAXED_MAPPING * first.map;
  const extend = registered >= EXTEND_FROM * frames;
  const all: Candidate = {
    ...{ extract: 0, secondsPerPair },
    ...{ pass: "all_pairs", pairs, onlyMissing: false, mapping: "relaxed", extend, map: relaxedMap },
  };
  const relaxed: Candidate = { ...all, pass: "relaxed", pairs: 0 };
  const last = lastCandidate(state);
  if (registered === 0 && state.lacksParallax) {
    // The features exist already. The strict mapper starts from better pairs than the relaxed one.
    const far: Candidate = { ...all, pass: "far_pairs", mapping: "strict", map: first.map };
    const more = state.stood ? [] : [last];
    return pairs > 0 ? [far, relaxed, ...more] : [relaxed, ...more];
  }
  if (registered === 0 || registered >= frames) return [last];
  // A small model is rebuilt, as the last pass does.
  if (pairs === 0) {
    const wasRelaxed = state.runs.some(({ pass }) => pass === "missing_frames" || pass === "all_pairs");
    return extend && !wasRelaxed && state.finer !== null ? [{ ...relaxed, map: first.map }, last] : [last];
  }
  const missing: Candidate = {
    ...{ ...all, pass: "missing_frames", pairs: missingPairs, onlyMissing: true },
    map: extend ? first.map : relaxedMap,
  };
  return missingPairs === 0 ? [all, last] : pairs > missingPairs ? [missing, all, last] : [missing, last];
}

/** What one would do by hand: all pairs, with finer features where there are some, and the weakest thresholds. */
function lastCandidate({ frames, blank, pairs, first, secondsPerPair, finer }: LadderState): Candidate {
  const map = 2 * RELAXED_MAPPING * first.map;
  const common = { onlyMissing: false, mapping: "weakest", extend: false, map } as const;
  if (finer === null) return { ...common, pass: "relaxed", pairs, extract: 0, secondsPerPair };
  return {
    ...{ ...common, pass: "finer_features", pairs: ((frames + blank) * (frames + blank - 1)) / 2 },
    extract: finer.extract * first.extract,
    secondsPerPair: finer.pair * secondsPerPair,
  };
}

/** The pass with as many of its pairs as the budget (seconds) allows; null if that is too few. */
function affordable(candidate: Candidate, budget: number): NextPass | null {
  const { extract, secondsPerPair, map, ...pass } = candidate;
  const most = Math.floor((budget - extract - map) / Math.max(1e-6, secondsPerPair));
  const pairs = Math.min(pass.pairs, most);
  const least = Math.min(pass.pairs, Math.max(FEW_PAIRS, MIN_PAIR_SHARE * pass.pairs));
  if (pairs < least) return null;
  return { ...pass, pairs, seconds: { extract, match: pairs * secondsPerPair, map } };
}

/**
 * Whether the camera stood still or only turned: a homography explains most of the matches. Where it does not, an
 * initial pair is missing for other reasons: the views are far apart, or the camera moved straight ahead.
 */
export function cameraStood(matched: readonly Pick<MatchedPair, "inliers" | "flat">[]): boolean {
  const matches = (pairs: typeof matched) => pairs.reduce((sum, { inliers }) => sum + inliers, 0);
  return matches(matched.filter(({ flat }) => flat)) > STOOD_SHARE * matches(matched);
}

/**
 * Whether the models show separate places: together they have nearly all frames, and none of the compared pairs across
 * two of them matches.
 *
 * @param models the names of their images, the largest first
 * @param matched the pairs matched so far
 */
export function separatePlaces(
  frames: number,
  models: readonly (readonly string[])[],
  matched: readonly { readonly images: readonly [string, string]; readonly inliers: number }[],
): boolean {
  const places = models.filter((names) => names.length >= PLACE_FRAMES);
  if (places.length < 2) return false;
  const placeOf = new Map<string, number>();
  for (const [place, names] of places.entries()) {
    for (const name of names) {
      // Models that share frames show one place.
      if (placeOf.has(name)) return false;
      placeOf.set(name, place);
    }
  }
  if (placeOf.size < PLACES_COVER * frames) return false;
  const across = matched.filter(({ images: [a, b] }) => {
    const [one, other] = [placeOf.get(a), placeOf.get(b)];
    return one !== undefined && other !== undefined && one !== other;
  });
  return across.length >= PAIRS_ACROSS && across.every(({ inliers }) => inliers === 0);
}
