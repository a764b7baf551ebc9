import type { StageName } from "@splatt/shared";
import { type JobSize, workGroup, workUnits } from "./job-size.ts";
import { cpuSpeed, seedOf } from "./seeds.ts";
import type { StageRun } from "./stage-history.ts";
import { median, medianShape, STRAIGHT, type StageTrace, timeShare } from "./stage-shape.ts";

/** How long a stage is expected to prepare and to work, in seconds, and how its progress relates to time. */
export type StageExpectation = StageTrace;

/**
 * What the machine's own past says of a stage, by medians, so that one odd run moves nothing: the time to
 * prepare as it was, the working time in proportion to the work. Without a past, a seed.
 *
 * @param cores processor cores that the stages may use
 */
export function expectStage(
  stage: StageName,
  size: JobSize,
  history: readonly StageRun[],
  cores: number,
): StageExpectation {
  const group = workGroup(stage, size);
  const units = workUnits(stage, size);
  const past = history.filter((run) => run.stage === stage && run.group === group);
  if (past.length === 0) return seeded(stage, size, units, cores);
  const rates = past.flatMap((run) => (run.units === null ? [] : [run.working / run.units]));
  return {
    preparing: median(past.map((run) => run.preparing)),
    working:
      units === null || rates.length === 0 ? median(past.map((run) => run.working)) : units * median(rates),
    shape: medianShape(past.map((run) => run.shape)),
  };
}

function seeded(stage: StageName, size: JobSize, units: number | null, cores: number): StageExpectation {
  const seed = seedOf(stage, size);
  const speed = seed.onCpu ? cpuSpeed(cores) : 1;
  return {
    preparing: seed.preparing,
    working: ((units ?? seed.units) * seed.perUnit) / speed,
    shape: STRAIGHT,
  };
}

/** Where a running stage stands. Times are seconds since it began. */
export interface StagePosition {
  readonly elapsed: number;
  /** As the stage tells, 0–1. */
  readonly fraction: number;
  /** Its first progress above 0; null before. A resumed stage begins in the middle. */
  readonly first: { readonly fraction: number; readonly at: number } | null;
}

/** When so much of the work was seen, a stage's own pace says all, and its past nothing more. */
const PACE_KNOWN_AT = 0.25;

/**
 * Seconds until a running stage ends. At first by what is expected, then more and more by its own pace, which
 * the shape translates: a stage whose last steps are the slow ones is not believed to be half done at 50 %.
 */
export function secondsLeft(
  { preparing, working, shape }: StageExpectation,
  position: StagePosition,
): number {
  const { elapsed, fraction, first } = position;
  if (first === null) return Math.max(0, preparing - elapsed) + working;
  const share = timeShare(shape, fraction);
  const byPast = working * (1 - share);
  const seen = share - timeShare(shape, first.fraction);
  if (seen <= 0) return byPast;
  const byPace = ((elapsed - first.at) * (1 - share)) / seen;
  const trust = Math.min(1, seen / PACE_KNOWN_AT);
  return (1 - trust) * byPast + trust * byPace;
}

/** What a stage takes as a whole, and what it was expected to take; seconds. */
export interface Surprise {
  readonly taken: number;
  readonly expected: number;
}

/** When stages of so many expected seconds were seen, they say all that they can of those to come. */
const SPEED_KNOWN_AFTER_SECONDS = 20;
/** How much of a surprise is the machine's, which meets the later stages too, and not the stage's own. */
const SHARED = 0.5;
const MOST = 4;

/**
 * How many times as slow as expected the machine's processor is in this job, as when other programs use it or when it
 * is another than the built-in guesses are for. What the stages so far took too long, or too short, is put down to
 * the machine by half, on a scale of ratios.
 */
export function slowdown(surprises: readonly Surprise[]): number {
  const taken = surprises.reduce((sum, surprise) => sum + surprise.taken, 0);
  const expected = surprises.reduce((sum, surprise) => sum + surprise.expected, 0);
  if (taken <= 0 || expected <= 0) return 1;
  const trust = SHARED * Math.min(1, expected / SPEED_KNOWN_AFTER_SECONDS);
  return Math.min(MOST, Math.max(1 / MOST, (taken / expected) ** trust));
}

export function scaled({ preparing, working, shape }: StageExpectation, factor: number): StageExpectation {
  return { preparing: preparing * factor, working: working * factor, shape };
}
