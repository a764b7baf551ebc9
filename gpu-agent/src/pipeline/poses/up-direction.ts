import type { UpChoice, UpReport, UpSide } from "@splatt/shared";
import type { ColmapModel } from "./colmap-model.ts";
import type { Place } from "./colmap-step.ts";
import { fitToEarth } from "./geographic-fit.ts";
import { type CameraPose, cameraPose, upDirection } from "./normalize.ts";
import { largestPlanes, type ScenePlane } from "./planes.ts";
import { type SensedFrames, sensedUp } from "./sensed-up.ts";
import { add, dot, length, normalized, scale, subtract, symmetricEigen, type Vector3 } from "./vectors.ts";

/*
 * Which direction of the model is up. Pictures are mostly held upright, but those of a drone look straight down, and
 * some cameras lie on their side and do not say so. Two things reveal it: people turn about the vertical, and the
 * largest plane below the cameras is the ground. Candidates are scored by these and by how pictures are usually held.
 */

export interface UpEstimate {
  /** In the model's world, of length 1. */
  readonly direction: Vector3;
  readonly report: UpReport;
}

/** How usual it is that this side of the pictures points up; `top` counts as far as the candidate agrees with it. */
const USUAL: { readonly [side in UpSide]: number } = {
  top: 1,
  camera: 0.3,
  left: 0.25,
  right: 0.25,
  bottom: 0,
};
/** What a clear turn about a sideways direction counts; about others it counts 1. */
const SIDEWAYS_TURN = 0.75;
/** What a ground of all points counts; one of `FULL_GROUND` of the points counts as much. */
const GROUND = 1.3;
const FULL_GROUND = 0.4;
/** A plane to whose other side the cameras are counts less: it may be a ceiling. */
const FROM_BELOW = 0.6;
/** A plane supports a direction within this angle of its normal. */
const ALONG_NORMAL = Math.cos((12 * Math.PI) / 180);
/** Candidates within this angle are one. */
const SAME = Math.cos((25 * Math.PI) / 180);
/** A ground that cameras did not turn about loses this share when they clearly turned about something else. */
const CONTRADICTED = 0.7;
/**
 * Cameras that look at a ground from straight above differ by less than the first angle, those before a wall often by
 * more.
 */
const [STEADY, UNSTEADY] = [Math.cos((10 * Math.PI) / 180), Math.cos((20 * Math.PI) / 180)];
/** A turn agrees with a direction within the first of these angles, and not at all beyond the second. */
const [TURN_AGREES, TURN_DISAGREES] = [Math.cos((12 * Math.PI) / 180), Math.cos((30 * Math.PI) / 180)];
/** A direction is moved to the normal of a ground with at least this share, so that it lies flat. */
const FLAT_SHARE = 0.3;
/**
 * Cameras that face a plane may look down on a ground or straight at a wall. People walk along a wall; above a ground,
 * cameras move both ways. The ratio of the movements along the picture's height and width, from which on it is a
 * ground.
 */
const [WALL_RATIO, GROUND_RATIO] = [0.2, 0.4];

/**
 * @param choice the side of the pictures that is up, or auto
 * @param places where images were taken, by name: x east, y north, z up
 * @param sensed what the accelerometers of the videos' cameras said
 */
export function estimateUp(
  model: ColmapModel,
  choice: UpChoice,
  places: ReadonlyMap<string, Place>,
  sensed: readonly SensedFrames[] = [],
): UpEstimate {
  const poses = model.images.map(cameraPose);
  if (choice !== "auto") {
    return {
      direction: chosenSide(poses, choice),
      report: { side: choice, source: "option", confidence: 1 },
    };
  }
  const geographic = fitToEarth(model, places);
  if (geographic !== null) {
    const { up, confidence } = geographic;
    return { direction: up, report: { side: sideOf(poses, up), source: "positions", confidence } };
  }
  const cameras = poses.map(({ position }) => position);
  const seen = bestCandidate(poses, largestPlanes(model.points, cameras));
  const felt = sensedUp(model, sensed, seen.direction);
  if (felt === null) return seen;
  const { direction, confidence } = felt;
  return { direction, report: { side: sideOf(poses, direction), source: "gravity", confidence } };
}

interface Scored {
  readonly direction: Vector3;
  readonly side: UpSide;
  readonly usual: number;
  readonly turning: number;
  readonly ground: number;
  readonly total: number;
}

/** Decides from the cameras and the planes alone. */
export function bestCandidate(poses: readonly CameraPose[], planes: readonly ScenePlane[]): UpEstimate {
  const turn = turnAxis(poses);
  const ofCameras = [
    upDirection(poses),
    normalized(scale(meanAxis(poses, "forward"), -1)),
    // Cameras that are held level tell the vertical better than the axis of their turns, which tilting bends.
    ...[turn.axis, scale(turn.axis, -1)].filter((direction) => sideOf(poses, direction) !== "top"),
  ].filter((direction) => length(direction) > 0.5);
  // A plane of few points may tell which side is up, but cameras tell the direction better than its normal.
  const ofPlanes = planes.flatMap(({ normal, share }) =>
    [normal, scale(normal, -1)].filter(
      (direction) => share >= FLAT_SHARE || ofCameras.every((other) => dot(direction, other) < SAME),
    ),
  );
  const candidates = [...ofCameras, ...ofPlanes];
  const scored = candidates
    .map((direction) => scoreOf(direction, poses, planes, turn))
    .toSorted((a, b) => b.total - a.total);
  const [best] = scored;
  if (best === undefined) throw new RangeError("there are no cameras");
  const rival = scored.find(({ direction }) => dot(direction, best.direction) < SAME)?.total ?? 0;
  const margin = Math.min(1, Math.max(0, (best.total - Math.max(0, rival)) / Math.max(1, best.total)));
  // How pictures are usually held is no evidence of how these were.
  const confidence = margin * (0.6 + 0.4 * Math.min(1, best.turning + best.ground));
  const flat = planes.find(
    ({ normal, share }) => share >= FLAT_SHARE && Math.abs(dot(normal, best.direction)) > ALONG_NORMAL,
  );
  const direction =
    flat === undefined ? best.direction : scale(flat.normal, Math.sign(dot(flat.normal, best.direction)));
  const source =
    best.ground > best.turning && best.ground > 0.3 ? "ground" : best.turning > 0.3 ? "cameras" : "pictures";
  return {
    direction,
    report: { side: best.side, source, confidence: Math.round(100 * confidence) / 100 },
  };
}

function scoreOf(
  direction: Vector3,
  poses: readonly CameraPose[],
  planes: readonly ScenePlane[],
  turn: TurnAxis,
): Scored {
  const side = sideOf(poses, direction);
  const upright = side === "top" || side === "camera";
  const agreement = Math.max(0, dot(direction, meanAxis(poses, "up")));
  const usual = side === "top" ? agreement : Math.max(USUAL[side], agreement);
  const aligned = ramp(Math.abs(dot(direction, turn.axis)), TURN_DISAGREES, TURN_AGREES);
  const turning = aligned * (upright ? turn.amount : SIDEWAYS_TURN * turn.large);
  const support = planes.map(({ normal, share }) => {
    const along = dot(normal, direction);
    if (Math.abs(along) < ALONG_NORMAL) return 0;
    return Math.min(1, share / FULL_GROUND) * (along > 0 ? 1 : FROM_BELOW);
  });
  // Planes beside the cameras are walls, unless the cameras turned about their normal.
  const isGround =
    side === "top"
      ? 1
      : side === "camera"
        ? groundLikelihood(poses, direction)
        : ramp(aligned * turn.amount, 0, 0.2);
  const contradiction = 1 - CONTRADICTED * turn.amount * (1 - aligned);
  const ground = GROUND * Math.max(0, ...support) * isGround * contradiction;
  return { direction, side, usual, turning, ground, total: usual + turning + ground };
}

/** 0 up to `from`, 1 from `to` on, and a straight line between. */
function ramp(value: number, from: number, to: number): number {
  return Math.min(1, Math.max(0, (value - from) / (to - from)));
}

/** 0 for cameras that move along a wall, 1 for cameras that move about above a ground. */
function groundLikelihood(poses: readonly CameraPose[], direction: Vector3): number {
  const steady = ramp(-dot(meanAxis(poses, "forward"), direction), UNSTEADY, STEADY);
  const centre = scale(
    poses.reduce<Vector3>((sum, { position }) => add(sum, position), [0, 0, 0]),
    1 / poses.length,
  );
  const [right, up] = [meanAxis(poses, "right"), meanAxis(poses, "up")];
  // Cameras that turned about their viewing direction have no common sides: nobody turns so before a wall.
  if (length(right) < 0.5 || length(up) < 0.5) return steady;
  const spread = (axis: Vector3) =>
    Math.sqrt(
      poses.reduce((sum, { position }) => sum + dot(normalized(axis), subtract(position, centre)) ** 2, 0),
    );
  const ratio = spread(up) / Math.max(1e-12, spread(right));
  return steady * ramp(ratio, WALL_RATIO, GROUND_RATIO);
}

interface TurnAxis {
  /** The direction that looks most alike in all cameras, of either sign. */
  readonly axis: Vector3;
  /** How clearly the cameras turned about it, 0–1. */
  readonly amount: number;
  /** Whether they turned further than anybody looks up and down, 0–1. */
  readonly large: number;
}

/** What turning takes from |mean R·g|² across the axis: 0.25 is a turn of about ±50°, 0.15 to 0.3 are ±40° to ±58°. */
const CLEAR_TURN = 0.25;
const LARGE_TURN = [0.15, 0.3] as const;

/**
 * The axis about which the cameras turned: the world direction g for which the mean over all cameras of R·g is longest,
 * where R turns the world into a camera.
 */
function turnAxis(poses: readonly CameraPose[]): TurnAxis {
  const rows = [meanAxis(poses, "right"), meanAxis(poses, "up"), meanAxis(poses, "forward")];
  const entry = (i: 0 | 1 | 2, j: 0 | 1 | 2) => rows.reduce((sum, row) => sum + row[i] * row[j], 0);
  const { values, vectors } = symmetricEigen([
    [entry(0, 0), entry(0, 1), entry(0, 2)],
    [entry(1, 0), entry(1, 1), entry(1, 2)],
    [entry(2, 0), entry(2, 1), entry(2, 2)],
  ]);
  const [, second, first] = values;
  const difference = first - second;
  return {
    axis: vectors[2],
    amount: ramp(difference, 0, CLEAR_TURN),
    large: ramp(difference, ...LARGE_TURN),
  };
}

function meanAxis(poses: readonly CameraPose[], axis: "right" | "up" | "forward"): Vector3 {
  return scale(
    poses.reduce<Vector3>((sum, pose) => add(sum, pose[axis]), [0, 0, 0]),
    1 / poses.length,
  );
}

const SIDES: readonly (readonly [side: UpSide, axis: "right" | "up" | "forward", sign: 1 | -1])[] = [
  ["top", "up", 1],
  ["right", "right", 1],
  ["bottom", "up", -1],
  ["left", "right", -1],
  ["camera", "forward", -1],
];

/** The side of most pictures that a direction is nearest to. */
function sideOf(poses: readonly CameraPose[], direction: Vector3): UpSide {
  const agreement = SIDES.map(([, axis, sign]) => sign * dot(direction, meanAxis(poses, axis)));
  return SIDES[agreement.indexOf(Math.max(...agreement))]?.[0] ?? "top";
}

/** The direction in which this side of the pictures points. */
function chosenSide(poses: readonly CameraPose[], side: UpSide): Vector3 {
  return upDirection(poses.map((pose) => withOnTop(pose, side)));
}

/** The pose of a camera that is turned so that this side of its picture is the top. */
function withOnTop(pose: CameraPose, side: UpSide): CameraPose {
  switch (side) {
    case "top":
      return pose;
    case "bottom":
      return { ...pose, up: scale(pose.up, -1), right: scale(pose.right, -1) };
    case "right":
      return { ...pose, up: pose.right, right: scale(pose.up, -1) };
    case "left":
      return { ...pose, up: scale(pose.right, -1), right: pose.up };
    case "camera":
      return { ...pose, up: scale(pose.forward, -1), forward: pose.up };
  }
}
