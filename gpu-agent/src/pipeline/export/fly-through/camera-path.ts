import type { Matrix4, PosedFrame } from "@splatt/formats";
import { evenly } from "../../evenly.ts";
import { median } from "../../median.ts";
import { add, cross, dot, length, normalized, scale, subtract, type Vector3 } from "../../poses/vectors.ts";

/** A flight through the cameras of a capture: a smooth curve near them, without a cut. */
export interface CameraPath {
  /** Ends where it begins. Another path is flown back the same way. */
  readonly closed: boolean;
  /** @param share of the way, 0 to 1 @returns a camera-to-world matrix with OpenGL axes */
  poseAt(share: number): Matrix4;
}

/** The way from camera to camera that counts as a jump, in steps of the usual length. */
const JUMP = 6;
/** Cameras that bend the curve: with more, it would shake as the hand did. */
const MAX_KNOTS = 14;
const LEAST_KNOTS = 4;
/** The distance between the ends of a closed path, as a share of its length. */
const CLOSED_GAP = 0.12;
/** Cosine of the angle between the views at the ends of a closed path. */
const CLOSED_TURN = 0.7;
/** Samples of the curve by which its length is measured. */
const SAMPLES = 400;
/**
 * Sines of the angle between view and vertical: below the first, "up" is that of the cameras, above the second the
 * scene's.
 */
const [STEEP, LEVEL] = [0.2, 0.45];

interface Knot {
  readonly position: Vector3;
  /** Of length 1. */
  readonly view: Vector3;
  readonly up: Vector3;
}

/**
 * A curve along the cameras in their order: a cubic B-spline, which stays within the cameras' convex hull, bends twice
 * smoothly, and does not shake as a hand does. It keeps upright.
 *
 * @param up of the scene
 * @returns null for too few cameras, or cameras in one place
 */
export function cameraPath(frames: readonly PosedFrame[], up: Vector3): CameraPath | null {
  const run = longestRun(inOrder(frames.map(({ transform_matrix }) => knotOf(transform_matrix))));
  const closed = isClosed(run);
  const knots = evenly(run, MAX_KNOTS);
  const last = run.at(-1);
  if (last !== undefined && !closed && knots.at(-1) !== last) knots.push(last);
  if (knots.length < LEAST_KNOTS) return null;
  const at = (time: number) => onSpline(knots, closed, time);
  const spans = closed ? knots.length : knots.length - 1;
  const lengths = [0];
  for (let sample = 1; sample <= SAMPLES; sample++) {
    const [from, to] = [at((spans * (sample - 1)) / SAMPLES), at((spans * sample) / SAMPLES)];
    // A turn on the spot takes time too.
    const way = length(subtract(to.position, from.position)) + 0.5 * length(subtract(to.view, from.view));
    lengths.push((lengths.at(-1) ?? 0) + way);
  }
  const total = lengths.at(-1) ?? 0;
  if (!(total > 1e-3)) return null;
  return {
    closed,
    poseAt: (share) => {
      const wanted = total * Math.max(0, Math.min(1, share));
      const after = Math.max(
        1,
        lengths.findIndex((way) => way >= wanted),
      );
      const [before = 0, beyond = 0] = [lengths[after - 1], lengths[after]];
      const within = beyond > before ? (wanted - before) / (beyond - before) : 0;
      return uprightPose(at((spans * (after - 1 + within)) / SAMPLES), up);
    },
  };
}

function knotOf([r0, r1, r2]: Matrix4): Knot {
  return {
    position: [r0[3], r1[3], r2[3]],
    view: normalized([-r0[2], -r1[2], -r2[2]]),
    up: normalized([r0[1], r1[1], r2[1]]),
  };
}

/** The order of the frames where they are from a film; photos in any order are put next to their neighbours. */
function inOrder(knots: readonly Knot[]): Knot[] {
  const nearest = byNeighbours(knots);
  return wayAlong(nearest) < 0.5 * wayAlong(knots) ? nearest : [...knots];
}

function byNeighbours(knots: readonly Knot[]): Knot[] {
  const left = [...knots];
  const order = left.splice(0, 1);
  while (left.length > 0) {
    const from = order.at(-1) as Knot;
    const ways = left.map((knot) => apart(from, knot));
    order.push(...left.splice(ways.indexOf(Math.min(...ways)), 1));
  }
  return order;
}

function apart(a: Knot, b: Knot): number {
  return length(subtract(a.position, b.position)) + 0.5 * length(subtract(a.view, b.view));
}

function steps(knots: readonly Knot[]): number[] {
  return knots.slice(1).map((knot, index) => apart(knots[index] as Knot, knot));
}

function wayAlong(knots: readonly Knot[]): number {
  return steps(knots).reduce((sum, step) => sum + step, 0);
}

/** The longest part without a jump, as between two videos, or where frames are missing. */
function longestRun(knots: readonly Knot[]): Knot[] {
  const all = steps(knots);
  const limit = JUMP * median(all);
  const cuts = [
    -1,
    ...Array.from(all.keys()).filter((index) => (all[index] as number) > limit),
    knots.length - 1,
  ];
  const runs = cuts.slice(1).map((cut, index) => knots.slice((cuts[index] as number) + 1, cut + 1));
  return runs.reduce((most, run) => (run.length > most.length ? run : most), []);
}

function isClosed(knots: readonly Knot[]): boolean {
  const [first, last] = [knots[0], knots.at(-1)];
  if (first === undefined || last === undefined || knots.length < 2 * LEAST_KNOTS) return false;
  const gap = length(subtract(first.position, last.position));
  const way = knots
    .slice(1)
    .reduce(
      (sum, { position }, index) => sum + length(subtract(position, (knots[index] as Knot).position)),
      0,
    );
  return gap < CLOSED_GAP * way && dot(first.view, last.view) > CLOSED_TURN;
}

/** A uniform cubic B-spline. An open one has its first and last knot twice, so that it begins and ends near them. */
function onSpline(knots: readonly Knot[], closed: boolean, time: number): Knot {
  const spans = closed ? knots.length : knots.length - 1;
  const span = Math.min(spans - 1, Math.floor(time));
  const t = time - span;
  const weights = [
    (1 - t) ** 3 / 6,
    (3 * t ** 3 - 6 * t ** 2 + 4) / 6,
    (-3 * t ** 3 + 3 * t ** 2 + 3 * t + 1) / 6,
    t ** 3 / 6,
  ];
  const near = [-1, 0, 1, 2].map((offset) => {
    const index = span + offset;
    const inside = closed
      ? (index + knots.length) % knots.length
      : Math.max(0, Math.min(knots.length - 1, index));
    return knots[inside] as Knot;
  });
  const blend = (of: (knot: Knot) => Vector3) =>
    near.reduce<Vector3>((sum, knot, index) => add(sum, scale(of(knot), weights[index] ?? 0)), [0, 0, 0]);
  return {
    position: blend(({ position }) => position),
    view: normalized(blend(({ view }) => view)),
    up: blend(({ up }) => up),
  };
}

/** Upright in the scene, unless it looks straight up or down. */
function uprightPose({ position, view, up: own }: Knot, sceneUp: Vector3): Matrix4 {
  const sine = Math.sqrt(Math.max(0, 1 - dot(view, sceneUp) ** 2));
  const level = Math.max(0, Math.min(1, (sine - STEEP) / (LEVEL - STEEP)));
  const up = add(scale(sceneUp, level), scale(own, 1 - level));
  const right = normalized(cross(view, up));
  const top = cross(right, view);
  const row = (axis: 0 | 1 | 2): [number, number, number, number] => [
    right[axis],
    top[axis],
    -view[axis],
    position[axis],
  ];
  return [row(0), row(1), row(2), [0, 0, 0, 1]];
}
