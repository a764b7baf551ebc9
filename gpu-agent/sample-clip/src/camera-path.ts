/** A pinhole camera: its place and its axes in the world, each of length 1. */
export interface Camera {
  readonly position: readonly [number, number, number];
  readonly right: readonly [number, number, number];
  readonly down: readonly [number, number, number];
  readonly forward: readonly [number, number, number];
  /** Pixels. */
  readonly focal: number;
}

/** The focal length in widths of the picture: about that of a phone's main lens held sideways. */
const FOCAL_IN_WIDTHS = 0.94;

const LOOK_AT = [0, 0.1, 0.42] as const;
const ARC_DEGREES = 165;
const DISTANCE = 5.6;

/**
 * The camera's path around the table: one smooth arc with a gentle rise and fall, like that of a person walking by.
 *
 * @param progress 0 at the first frame, 1 at the last
 * @param width of the picture in pixels
 */
export function cameraOnPath(progress: number, width: number): Camera {
  const azimuth = (((progress - 0.5) * ARC_DEGREES) / 180) * Math.PI;
  const distance = DISTANCE + 0.35 * Math.sin(progress * 7.1);
  const height = 2.15 + 0.55 * Math.sin(progress * 5.3 + 0.4);
  const position = [Math.sin(azimuth) * distance, -Math.cos(azimuth) * distance, height] as const;
  const [x, y, z] = LOOK_AT;
  return cameraAt(position, [x, y, z + 0.12 * Math.sin(progress * 9.7)], FOCAL_IN_WIDTHS * width);
}

/** A camera held level that looks at a point. */
export function cameraAt(
  position: Camera["position"],
  target: readonly [number, number, number],
  focal: number,
): Camera {
  const forward = normalised([target[0] - position[0], target[1] - position[1], target[2] - position[2]]);
  const right = normalised([forward[1], -forward[0], 0]);
  const down = [
    forward[1] * right[2] - forward[2] * right[1],
    forward[2] * right[0] - forward[0] * right[2],
    forward[0] * right[1] - forward[1] * right[0],
  ] as const;
  return { position, right, down, forward, focal };
}

function normalised(v: readonly [number, number, number]): readonly [number, number, number] {
  const length = Math.hypot(...v);
  return [v[0] / length, v[1] / length, v[2] / length];
}
