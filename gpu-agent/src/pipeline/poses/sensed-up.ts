import type { ColmapModel } from "./colmap-model.ts";
import { type CameraPose, cameraPose } from "./normalize.ts";
import { add, apply, cross, dot, length, type Matrix3, normalized, scale, type Vector3 } from "./vectors.ts";

/** What the accelerometer of a camera said is up in its frames. */
export interface SensedFrames {
  /** Whether the axes are those of the camera: right, up and back. Otherwise they are the sensor's, in any position. */
  readonly axes: "camera" | "sensor";
  /** By the image's name, of length 1. */
  readonly up: ReadonlyMap<string, Vector3>;
}

export interface SensedUp {
  /** In the model's world, of length 1. */
  readonly direction: Vector3;
  /** 0–1 */
  readonly confidence: number;
}

const MIN_FRAMES = 8;
/** The length of the mean of all frames' directions: 0.95 is about ±18°. Below, the sensor contradicts the cameras. */
const MIN_AGREEMENT = 0.95;
/** Positions of the sensor that agree about as well as the best: nothing in the capture tells them apart. */
const AS_GOOD = 0.01;

/**
 * Up by the accelerometers. Shaking averages out over all frames, once the solved cameras turn their readings into one
 * world. Only the right position of the sensor in the camera makes the frames agree, as far as the camera was turned;
 * what its turns do not tell apart, the pictures decide.
 *
 * @param usual what the cameras and the scene say is up
 * @returns null where no sensor agrees with the cameras
 */
export function sensedUp(
  model: ColmapModel,
  sensed: readonly SensedFrames[],
  usual: Vector3,
): SensedUp | null {
  const [best] = sensed
    .flatMap(({ axes, up }) => {
      const frames = model.images.flatMap((image) => {
        const reading = up.get(image.name);
        return reading === undefined ? [] : [{ pose: cameraPose(image), reading }];
      });
      if (frames.length < MIN_FRAMES) return [];
      const positions = axes === "camera" ? CAMERA_POSITIONS : SENSOR_POSITIONS;
      const means = positions.map((position) => meanUp(frames, position));
      const agreement = Math.max(...means.map(length));
      if (agreement < MIN_AGREEMENT) return [];
      const [direction] = means
        .filter((mean) => length(mean) >= agreement - AS_GOOD)
        .map(normalized)
        .toSorted((a, b) => dot(b, usual) - dot(a, usual));
      return direction === undefined ? [] : [{ direction, agreement, frames: frames.length }];
    })
    .toSorted((a, b) => b.frames - a.frames);
  if (best === undefined) return null;
  const confidence = 0.7 + (0.3 * (best.agreement - MIN_AGREEMENT)) / (1 - MIN_AGREEMENT);
  return { direction: best.direction, confidence: Math.round(100 * confidence) / 100 };
}

function meanUp(
  frames: readonly { readonly pose: CameraPose; readonly reading: Vector3 }[],
  position: Matrix3,
): Vector3 {
  const sum = frames.reduce<Vector3>(
    (total, { pose, reading }) => {
      const [right, up, back] = apply(position, reading);
      const inWorld = add(add(scale(pose.right, right), scale(pose.up, up)), scale(pose.forward, -back));
      return add(total, inWorld);
    },
    [0, 0, 0],
  );
  return scale(sum, 1 / frames.length);
}

/** The three axes in any order and direction, as far as that is a rotation. */
const SENSOR_POSITIONS: readonly Matrix3[] = (() => {
  const axes: readonly Vector3[] = [
    ...[1, -1].flatMap((sign): Vector3[] => [
      [sign, 0, 0],
      [0, sign, 0],
      [0, 0, sign],
    ]),
  ];
  return axes.flatMap((first) =>
    axes
      .filter((second) => dot(first, second) === 0)
      .map((second): Matrix3 => [first, second, cross(first, second)]),
  );
})();

/** A camera may turn its pictures upright when it hangs upside down; and which side its X axis is on is not certain. */
const CAMERA_POSITIONS: readonly Matrix3[] = [1, -1].flatMap((x) =>
  [1, -1].map(
    (y): Matrix3 => [
      [x, 0, 0],
      [0, y, 0],
      [0, 0, 1],
    ],
  ),
);
