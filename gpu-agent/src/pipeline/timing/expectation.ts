import type { StageName } from "@splatt/shared";
import { type JobSize, workGroup, workUnits } from "./job-size.ts";
import { cpuSpeed, seedOf } from "./seeds.ts";
import type { StageRun } from "./stage-history.ts";
import { median, medianShape, STRAIGHT, type StageTrace, timeShare } from "./stage-shape.ts";

/** The expected preparation and working time of a stage, in seconds, and how its progress relates to time. */
export type StageExpectation = StageTrace;

/**
 * Predicts a stage from this machine's history: the median preparation time, and a working time proportional to the
 * work. Medians keep a single outlier from shifting the estimate. Without a history, uses the seed.
 *
 * @param cores CPU cores that the stages may use
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

/** The position of a running stage. Times are seconds since it began. */
export interface StagePosition {
  readonly elapsed: number;
  /** As the stage reports it, 0–1. */
  readonly fraction: number;
  /** The first progress above 0; null before. A resumed stage begins in the middle. */
  readonly first: { readonly fraction: number; readonly at: number } | null;
}

/** Once this share of the work was observed, only the stage's own pace counts, and its history no longer does. */
const PACE_KNOWN_AT = 0.25;

/**
 * Seconds until a running stage ends. Blends from the expectation to the stage's own pace as it proceeds. The shape
 * maps progress to time: a stage whose last steps are slow is not half done at 50 %.
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

/** The seconds that a stage takes in total, and was expected to take. */
export interface Surprise {
  readonly taken: number;
  readonly expected: number;
}

/** After stages of this many expected seconds, the observed slowdown has its full weight. */
const SPEED_KNOWN_AFTER_SECONDS = 20;
/** The share of a slowdown that is attributed to the machine, and so also applies to later stages. */
const SHARED = 0.5;
const MOST = 4;

/**
 * The slowdown of the machine's CPU in this job: 2 means half as fast as expected, for example because other programs
 * use it, or because it differs from the one that the seeds were measured on. Half of the ratio, in logarithms, between
 * the observed and the expected time of the stages so far is attributed to the machine.
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
