import { PARAM, paramRows } from "../kernels/memory-layout.ts";
import { type BlendingLimits, FULL_BLENDING } from "../kernels/projection.ts";
import { deriveSeed, Random } from "../scene/random.ts";
import type { DensificationSettings, Rate, TrainingSettings } from "../training-settings.ts";
import type { PoseRates } from "./frame-poses.ts";

/*
 * What happens in which iteration, as pure functions of the settings: nothing depends on the
 * history of training, so a resumed run continues exactly like an uninterrupted one.
 */

/** Purposes that random numbers are derived for. */
const STREAM = { frames: 1, background: 2 } as const;

/** The level of the image pyramid, out of `levels`. */
export function levelAt(settings: TrainingSettings, iteration: number, levels: number): number {
  const fraction = iteration / settings.iterations;
  const coarse = settings.coarseLevels.find(({ until }) => fraction < until);
  return Math.min(coarse?.level ?? 0, levels - 1);
}

export function shDegreeAt(settings: TrainingSettings, iteration: number): number {
  const fraction = iteration / settings.iterations;
  const enabled = settings.shDegreeFrom.filter((from) => fraction >= from).length;
  return Math.min(enabled, settings.shDegree);
}

/** What the blending of an iteration leaves out. */
export function blendingLimitsAt(
  { coarseBlending, iterations }: TrainingSettings,
  iteration: number,
): BlendingLimits {
  return iteration / iterations < coarseBlending.until ? coarseBlending : FULL_BLENDING;
}

/** The rates' last factor: see `TrainingSettings.coolDown`. */
const COOLEST = 0.02;

export function rateAt([first, last]: Rate, settings: TrainingSettings, iteration: number): number {
  const fraction = iteration / settings.iterations;
  const coolDown = Math.max(COOLEST, Math.min(1, (1 - fraction) / settings.coolDown));
  return coolDown * first * (last / first) ** fraction;
}

/**
 * Adam's step size for each row of the parameter table, bias correction of the first moment included.
 *
 * @param extent of the cameras: what the rate of the means is relative to
 */
export function stepSizesAt(
  settings: TrainingSettings,
  iteration: number,
  extent: number,
  beta1: number,
): Float32Array {
  const { rates } = settings;
  const sizes = new Float32Array(paramRows(settings.shDegree));
  const fill = (rate: Rate, from: number, to: number, unit = 1) => {
    sizes.fill((unit * rateAt(rate, settings, iteration)) / (1 - beta1 ** (iteration + 1)), from, to);
  };
  fill(rates.mean, PARAM.mean, PARAM.mean + 3, extent);
  fill(rates.logScale, PARAM.logScale, PARAM.logScale + 3);
  fill(rates.rotation, PARAM.rotation, PARAM.rotation + 4);
  fill(rates.opacity, PARAM.opacity, PARAM.opacity + 1);
  fill(rates.shConstant, PARAM.sh, PARAM.sh + 3);
  fill(rates.shRest, PARAM.sh + 3, sizes.length);
  return sizes;
}

/** The largest turn of a camera in one step, in radians, at first and at the end of training. */
const TURN: Rate = [6e-3, 1e-4];
/** A step of a held-out frame's camera. */
const REGISTRATION_TURN = 3e-3;

/**
 * How far a step may move a training frame's camera. A camera that shifts by the angle's share of the extent sees as
 * much change.
 */
export function poseRatesAt(settings: TrainingSettings, iteration: number, extent: number): PoseRates {
  const turn = rateAt(TURN, settings, iteration);
  return { turn, shift: turn * extent };
}

/** @param left 1 at the first step, and towards 0 at the last */
export function registrationRates(left: number, extent: number): PoseRates {
  const turn = REGISTRATION_TURN * left;
  return { turn, shift: turn * extent };
}

/** The fraction of the iterations after which the poses are judged. */
const POSES_JUDGED_AT = 0.2;

export function posesJudgedAfter({ iterations }: TrainingSettings, iteration: number): boolean {
  return iteration === Math.ceil(POSES_JUDGED_AT * iterations);
}

/** The frame to train on: every epoch visits each of `frames` once, in a new random order. */
export function frameAt(settings: TrainingSettings, iteration: number, frames: number): number {
  const epoch = Math.floor(iteration / frames);
  const random = new Random(deriveSeed(settings.seed, STREAM.frames, epoch));
  // The needed prefix of a Fisher-Yates shuffle.
  const order = Array.from({ length: frames }, (_, i) => i);
  for (let i = 0; i <= iteration % frames; i++) {
    const j = i + random.below(frames - i);
    [order[i], order[j]] = [order[j] as number, order[i] as number];
  }
  return order[iteration % frames] as number;
}

/**
 * A background of a random colour. Against a constant one, gaussians learn to leave holes where the photo
 * has that colour; against a random one, only covered pixels can match.
 */
export function backgroundAt(settings: TrainingSettings, iteration: number): [number, number, number] {
  const random = new Random(deriveSeed(settings.seed, STREAM.background, iteration));
  return [random.next(), random.next(), random.next()];
}

/** The iterations after which densifications happen. */
export function densificationInterval(settings: TrainingSettings): number {
  const { from, until, rounds, leastIterations } = settings.densification;
  return Math.max(leastIterations, Math.round(((until - from) * settings.iterations) / rounds));
}

/** Whether gaussians are densified once `iteration` iterations are done. */
export function densifiesAfter(settings: TrainingSettings, iteration: number): boolean {
  const fraction = iteration / settings.iterations;
  const { from, until } = settings.densification;
  return iteration % densificationInterval(settings) === 0 && fraction >= from && fraction <= until;
}

/** Whether the gaussians' sizes are limited once `iteration` iterations are done: as often as they are densified. */
export function limitsSizesAfter(settings: TrainingSettings, iteration: number): boolean {
  return iteration % densificationInterval(settings) === 0;
}

/** The target number of gaussians, which grows evenly from the seed points to the capacity. */
export function gaussiansWantedAt(
  { densification, iterations, capacity }: TrainingSettings,
  iteration: number,
  seedPoints: number,
): number {
  const share = densificationShare(densification, iteration / iterations);
  return Math.min(capacity, Math.round(seedPoints + (capacity - seedPoints) * share));
}

function densificationShare({ from, until }: DensificationSettings, fraction: number): number {
  return Math.min(1, Math.max(0, (fraction - from) / (until - from)));
}

/** Of an iteration with coarse blending, to one without. */
const COARSE_BLENDING_COST = 0.75;

/**
 * The completed fraction of the work of training after `iteration` iterations, 0–1. An iteration costs about a
 * constant and, for each pixel, more the more gaussians there are.
 */
export function workDone(settings: TrainingSettings, iteration: number, levels: number): number {
  const cost = (at: number) => {
    const pixels = 4 ** -levelAt(settings, at, levels);
    const gaussians = gaussiansWantedAt(settings, at, settings.capacity / 4) / settings.capacity;
    const blending = at < settings.coarseBlending.until * settings.iterations ? COARSE_BLENDING_COST : 1;
    return 0.1 + pixels * blending * (0.5 + 0.5 * gaussians);
  };
  const sum = (end: number) => {
    // A hundred samples are as good as all iterations.
    const step = settings.iterations / 100;
    let total = 0;
    for (let at = 0; at < end; at += step) total += cost(at) * Math.min(step, end - at);
    return total;
  };
  return sum(iteration) / sum(settings.iterations);
}
