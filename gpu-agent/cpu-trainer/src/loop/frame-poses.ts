import type { PinholeCamera } from "../dataset/camera.ts";

/*
 * The poses of the training frames, where those that were given are not exact. A step moves a camera against its
 * gradient (see camera-gradient.ts) by Adam, whose sizes of steps do not depend on how much of the picture has detail.
 */

type Vector = readonly [x: number, y: number, z: number];

/** A frame's refined camera, and Adam's moments of its gradients: rotation first, then translation. */
export interface FramePose {
  /** World to camera, row-major. */
  readonly rotation: readonly number[];
  readonly position: Vector;
  readonly moments1: readonly number[];
  readonly moments2: readonly number[];
  readonly steps: number;
}

/** The largest step: radians, and the unit of the scene. */
export interface PoseRates {
  readonly turn: number;
  readonly shift: number;
}

const BETA1 = 0.8;
const BETA2 = 0.95;
const EPSILON = 1e-15;

export function givenPose({ rotation, position }: PinholeCamera): FramePose {
  const none = [0, 0, 0, 0, 0, 0];
  return { rotation, position, moments1: none, moments2: none, steps: 0 };
}

/** The camera of a frame, at its pose. */
export function cameraInPose<T extends PinholeCamera>(camera: T, { rotation, position }: FramePose): T {
  return { ...camera, rotation, position, translation: translationOf(rotation, position) };
}

/** @param gradient dL/dω and dL/dt */
export function steppedPose(pose: FramePose, gradient: Float64Array, rates: PoseRates): FramePose {
  // A gradient that is not finite says nothing.
  if (!gradient.every(Number.isFinite)) return pose;
  const steps = pose.steps + 1;
  const moments1 = pose.moments1.map((moment, i) => BETA1 * moment + (1 - BETA1) * (gradient[i] as number));
  const moments2 = pose.moments2.map(
    (moment, i) => BETA2 * moment + (1 - BETA2) * (gradient[i] as number) ** 2,
  );
  const step = (i: number) => {
    const mean = (moments1[i] as number) / (1 - BETA1 ** steps);
    const size = Math.sqrt((moments2[i] as number) / (1 - BETA2 ** steps));
    return (-(i < 3 ? rates.turn : rates.shift) * mean) / (size + EPSILON);
  };
  const moved = movedPose(pose, [step(0), step(1), step(2)], [step(3), step(4), step(5)]);
  return { ...moved, moments1, moments2, steps };
}

/** Turned about its own centre by a rotation vector in the world's axes, and shifted. */
export function movedPose<T extends Pick<FramePose, "rotation" | "position">>(
  pose: T,
  turn: Vector,
  shift: Vector,
): T {
  const back = rotationBy([-turn[0], -turn[1], -turn[2]]);
  const rotation = [0, 1, 2].flatMap((row) =>
    [0, 1, 2].map((column) =>
      [0, 1, 2].reduce(
        (sum, k) => sum + (pose.rotation[3 * row + k] as number) * (back[3 * k + column] as number),
        0,
      ),
    ),
  );
  const position: Vector = [
    pose.position[0] + shift[0],
    pose.position[1] + shift[1],
    pose.position[2] + shift[2],
  ];
  return { ...pose, rotation, position };
}

/** The matrix of a rotation vector (O. Rodrigues, 1840). */
function rotationBy([x, y, z]: Vector): number[] {
  const angle = Math.hypot(x, y, z);
  const a = angle < 1e-8 ? 1 : Math.sin(angle) / angle;
  const b = angle < 1e-8 ? 0.5 : (1 - Math.cos(angle)) / angle ** 2;
  return [
    1 - b * (y * y + z * z),
    b * x * y - a * z,
    b * x * z + a * y,
    b * x * y + a * z,
    1 - b * (x * x + z * z),
    b * y * z - a * x,
    b * x * z - a * y,
    b * y * z + a * x,
    1 - b * (x * x + y * y),
  ];
}

function translationOf(rotation: readonly number[], position: Vector): [number, number, number] {
  const row = (i: number) =>
    -[0, 1, 2].reduce((sum, k) => sum + (rotation[3 * i + k] as number) * (position[k] as number), 0);
  return [row(0), row(1), row(2)];
}
