import { join } from "node:path";
import { type CaptureReport, err, type Failure, ok, type Result } from "@splatt/shared";
import { secondsLeft } from "../timing/expectation.ts";
import { STRAIGHT } from "../timing/stage-shape.ts";
import { continuePass, type PassResult, runPass, USUAL_SHARES } from "./colmap-pass.ts";
import type { ColmapJob } from "./colmap-step.ts";
import { HARDLY_ANY_FEATURES } from "./extract-features.ts";
import { type MatchedPair, readImages, readMatchedPairs } from "./feature-database.ts";
import { choosePairs, pairKey } from "./image-pairs.ts";
import {
  cameraStood,
  type LadderState,
  ladderSecondsLeft,
  type NextPass,
  nextPass,
  type PassRun,
  separatePlaces,
} from "./ladder.ts";
import { tryOwnCameras } from "./own-cameras.ts";
import { type PassOutcome, type PlacedModel, passPaths, registeredIn } from "./pass.ts";
import { firstPass, type PoseSettings, type PoseTask, thorough, withThresholds } from "./settings.ts";

export interface Solution {
  readonly outcome: PassOutcome;
  readonly passes: NonNullable<CaptureReport["passes"]>;
  /** Whether the first pass found no two frames with enough parallax, although most frames match: the camera stood. */
  readonly lacksParallax: boolean;
  /** See `separatePlaces`. */
  readonly places: boolean;
  /** The database that the outcome was made from. */
  readonly database: string;
}

/** Most jobs need one pass, so the first gets nearly all of the progress. */
const FIRST_PASS_SHARE = 0.9;
/** Each later pass gets this share of what is left. */
const LATER_PASS_SHARE = 0.5;
/** The share of the frames that match another, from which on missing parallax is to blame for a missing model. */
const MOST_MATCH = 0.8;
/** A pass that takes this many times as long as expected is given up. */
const PATIENCE = 2;
const LEAST_PATIENCE_SECONDS = 60;

/**
 * Solves the cameras in as many passes as it takes; see ladder.ts.
 *
 * @param work an empty or absent folder
 * @param until the stage's progress when the cameras are solved
 * @returns the best pass's outcome, or the failure of the only one
 */
export async function climbLadder(
  job: ColmapJob,
  task: Omit<PoseTask, "gpu">,
  work: string,
  until: number,
): Promise<Result<Solution, Failure>> {
  const { report, log } = job.context;
  const plan = (gpu: boolean) => firstPass({ ...task, gpu });
  log.info({ settings: plan(job.gpu.enabled) }, "solving camera poses");
  const dir = join(work, "first");
  const first = await runPass(job, plan, dir, USUAL_SHARES, (fraction, message) => {
    report({ fraction: FIRST_PASS_SHARE * fraction, message });
  });
  if (!first.ok) return first;

  const own = await tryOwnCameras(job, first.value.plan, dir, first.value.outcome, false);
  if (!own.ok) return own;
  let best = own.value;
  let [winner, failed]: [number, Failure | null] = [0, null];
  let from = FIRST_PASS_SHARE;
  const runs: PassRun[] = [
    { pass: "first", seconds: total(first.value.seconds), registered: registeredIn(best), gained: true },
  ];
  const lacksParallax = best.problem === "no_initial_pair" && best.connected >= MOST_MATCH * task.frames;
  let places = false;
  let stood = false;
  /** Models of the first pass's database, and those that were tried to be merged. */
  const parts: PlacedModel[] = [...best.models];
  const tried = new Set<PlacedModel>();
  while (best.features >= HARDLY_ANY_FEATURES) {
    const state = stateOf(job, task, first.value, dir, {
      ...{ best, runs, lacksParallax },
      fragments: addedBy(
        parts.filter((part) => !tried.has(part)),
        best,
      ),
    });
    if (!state.ok) break;
    ({ places, stood } = state.value.state);
    const next = nextPass(state.value.state);
    const counts = { registered: registeredIn(best), frames: task.frames };
    if (typeof next === "string") {
      log.info({ ...counts, passes: runs.length, why: next }, "no further pass");
      break;
    }
    log.info(
      { ...counts, ...next, fault: best.fault?.detail },
      "not all frames are placed; another pass starts",
    );
    const share = LATER_PASS_SHARE * (until - from);
    const began = performance.now();
    const ran = await runNext(
      limited(job, next, ladderSecondsLeft(state.value.state)),
      task,
      first.value,
      next,
      {
        ...{ best, work, dir, number: runs.length },
        fragments: parts.filter((part) => part !== best.models[0]),
        pairs: pairsOf(job, next, best, state.value.matched),
        report: passReport(job, next, runs.length + 1, from, share),
      },
    );
    from += share;
    if (next.pass === "merged_models") for (const part of parts) tried.add(part);
    if (!ran.ok && job.context.signal.aborted) return ran;
    if (!ran.ok) log.warn({ code: ran.error.code, detail: ran.error.detail }, "the pass failed");
    const registered = ran.ok ? registeredIn(ran.value) : 0;
    const gained = registered > registeredIn(best);
    failed = ran.ok ? null : ran.error;
    if (ran.ok && (gained || (best.models.length === 0 && ran.value.problem !== null))) best = ran.value;
    if (gained) winner = runs.length;
    // Models of finer features have a database of their own.
    if (ran.ok && next.pass !== "finer_features")
      parts.push(...ran.value.models.filter((one) => !parts.includes(one)));
    if (gained && next.pass === "finer_features") parts.length = 0;
    runs.push({ pass: next.pass, seconds: (performance.now() - began) / 1000, registered, gained });
  }
  if (best.models.length === 0 && failed !== null && failed.code !== "stage_timeout") return err(failed);
  const passes = runs.map(({ pass, seconds, registered }, index) => ({
    ...{ pass, registered, kept: index === winner },
    seconds: Math.round(10 * seconds) / 10,
  }));
  const folder = runs[winner]?.pass === "finer_features" ? finerFolder(work) : dir;
  const { database } = passPaths(folder, job.images);
  return ok({ outcome: best, passes, lacksParallax: lacksParallax && stood, places, database });
}

/** The limits of a pass, so that all together keep to their time though this one is slower than expected. */
function limited(job: ColmapJob, { seconds }: NextPass, left: number): ColmapJob {
  const patience = Math.max(LEAST_PATIENCE_SECONDS, Math.min(left, PATIENCE * total(seconds)));
  return {
    ...job,
    timeoutMs: Math.ceil(Math.min(job.timeoutMs, 1000 * patience)),
    matchingEndsAt: performance.now() + 1000 * (left - seconds.map),
  };
}

interface Progress {
  readonly best: PassOutcome;
  readonly runs: readonly PassRun[];
  readonly lacksParallax: boolean;
  readonly fragments: number;
}

/** The frames that some models have and the best one lacks. */
function addedBy(models: readonly PlacedModel[], { models: [best] }: PassOutcome): number {
  const placed = new Set(best?.names);
  return new Set(models.flatMap(({ names }) => names.filter((name) => !placed.has(name)))).size;
}

/** What the ladder needs to know, and the pairs matched so far. */
function stateOf(
  job: ColmapJob,
  task: Omit<PoseTask, "gpu">,
  { outcome, plan, seconds }: PassResult,
  dir: string,
  { best, runs, lacksParallax, fragments }: Progress,
): Result<{ state: LadderState; matched: readonly MatchedPair[] }, string> {
  const { database } = passPaths(dir, job.images);
  const [read, images] = [readMatchedPairs(database), readImages(database)];
  if (!read.ok) return read;
  if (!images.ok) return images;
  const matched = read.value;
  const { preset } = task;
  const frames = images.value.filter(({ features }) => (features ?? 0) >= HARDLY_ANY_FEATURES).length;
  const placed = new Set(best.models[0]?.names);
  const missing = Math.max(0, frames - placed.size);
  const ofMissing = matched.filter(({ images }) => images.some((name) => !placed.has(name))).length;
  const count = (frames * (frames - 1)) / 2;
  const used = plan(job.gpu.enabled);
  const hardware = { ...task, gpu: job.gpu.enabled };
  const fine = thorough(hardware, used, { kind: "exhaustive" }, outcome.features);
  return ok({
    matched,
    state: {
      ...{ preset, frames, runs, lacksParallax, fragments },
      blank: task.frames - frames,
      registered: registeredIn(best),
      stood: cameraStood(matched),
      places: separatePlaces(
        frames,
        best.models.map(({ names }) => names),
        matched,
      ),
      missingPairs: Math.max(0, missing * (frames - missing) + (missing * (missing - 1)) / 2 - ofMissing),
      pairs: Math.max(0, count - matched.length),
      first: seconds,
      // The distinct pairs of the first pass took all of its matching time.
      secondsPerPair: seconds.match / Math.max(1, Math.min(matched.length, count)),
      finer: costOfFiner(outcome.features, used, fine, job.gpu.enabled),
    },
  });
}

type Detail = Pick<PoseSettings, "maxFeatures" | "firstOctave" | "maxImageSize" | "peakThreshold">;

/** Doubling the pictures before extraction finds about this many times as many features, in four times the time. */
const MORE_WHEN_DOUBLED = 4;
const TIME_WHEN_DOUBLED = 4;
/** How many times as many features there are with faint ones. */
const MORE_WHEN_FAINT = 3;

/**
 * How many times as long extraction and matching take with finer features; null where they are no finer. On the CPU,
 * COLMAP looks features up in trees, and matching takes as many times as long as there are features. A GPU compares all
 * with all.
 */
function costOfFiner(
  features: number,
  used: Detail,
  fine: Detail,
  gpu: boolean,
): { pair: number; extract: number } | null {
  const doubled = fine.firstOctave < used.firstOctave;
  const faint = fine.peakThreshold !== null;
  if (!doubled && !faint && fine.maxFeatures <= used.maxFeatures && fine.maxImageSize <= used.maxImageSize)
    return null;
  const more = (doubled ? MORE_WHEN_DOUBLED : 1.5) * (faint ? MORE_WHEN_FAINT : 1);
  const found = Math.min(fine.maxFeatures, features * more);
  return {
    pair: Math.max(1, found / Math.max(1, features)) ** (gpu ? 2 : 1),
    extract: doubled ? TIME_WHEN_DOUBLED : 1.5,
  };
}

function pairsOf(
  job: ColmapJob,
  { pass, pairs, onlyMissing }: NextPass,
  best: PassOutcome,
  matched: readonly MatchedPair[],
): [string, string][] {
  const placed = new Set(best.models[0]?.names);
  const missing = new Set(job.names.filter((name) => !placed.has(name)));
  // Finer features have no matches yet.
  const done = new Set(pass === "finer_features" ? [] : matched.map(({ images: [a, b] }) => pairKey(a, b)));
  return choosePairs(job.names, done, onlyMissing ? missing : null, pairs);
}

function finerFolder(work: string): string {
  return join(work, "finer");
}

interface PassRoom {
  readonly best: PassOutcome;
  /** Models that may be merged with the best one. */
  readonly fragments: readonly PlacedModel[];
  readonly work: string;
  /** The first pass's folder. */
  readonly dir: string;
  readonly number: number;
  readonly pairs: readonly (readonly [string, string])[];
  readonly report: (fraction: number, message: string) => void;
}

async function runNext(
  job: ColmapJob,
  task: Omit<PoseTask, "gpu">,
  first: PassResult,
  next: NextPass,
  { best, fragments, work, dir, number, pairs, report }: PassRoom,
): Promise<Result<PassOutcome, Failure>> {
  if (next.pass === "finer_features") {
    const plan = (gpu: boolean) =>
      thorough({ ...task, gpu }, first.plan(gpu), { kind: "pairs", pairs }, first.outcome.features);
    const ran = await runPass(job, plan, finerFolder(work), next.seconds, report);
    return ran.ok ? tryOwnCameras(job, plan, finerFolder(work), ran.value.outcome, true) : ran;
  }
  const continuation = {
    pairs,
    plan: (gpu: boolean) => withThresholds(first.plan(gpu), next.mapping),
    ...{ from: best, fragments, extend: next.extend, onlyMerge: next.pass === "merged_models" },
    sparse: join(dir, `sparse-${number}`),
  };
  const ran = await continuePass(job, continuation, dir, next.seconds, report);
  return ran.ok && next.mapping === "weakest"
    ? tryOwnCameras(job, continuation.plan, dir, ran.value, true)
    : ran;
}

/** Reports a later pass's progress, with the seconds that are left: the stage's usual time does not include it. */
function passReport(job: ColmapJob, { seconds }: NextPass, number: number, from: number, share: number) {
  const began = performance.now();
  const expected = { preparing: 0, working: total(seconds), shape: STRAIGHT };
  return (fraction: number, message: string): void => {
    const elapsed = (performance.now() - began) / 1000;
    const left = secondsLeft(expected, { elapsed, fraction, first: { fraction: 0, at: 0 } });
    job.context.report({
      fraction: from + share * fraction,
      message: `pass ${number}: ${message}`,
      secondsLeft: left,
    });
  };
}

function total({ extract, match, map }: PassResult["seconds"]): number {
  return extract + match + map;
}
