import { median } from "../median.ts";
import type { ColmapImage, ColmapModel } from "./colmap-model.ts";
import {
  add,
  apply,
  dot,
  length,
  type Matrix3,
  multiply,
  normalized,
  rotationBetween,
  rotationOf,
  scale,
  subtract,
  symmetricEigen,
  transpose,
  type Vector3,
} from "./vectors.ts";

/** p' = scale · rotation · p + translation. */
export interface Similarity {
  readonly rotation: Matrix3;
  readonly scale: number;
  readonly translation: Vector3;
}

/** A camera in the world of COLMAP's model. The axes have length 1. */
export interface CameraPose {
  readonly position: Vector3;
  readonly right: Vector3;
  readonly up: Vector3;
  readonly forward: Vector3;
}

export function cameraPose(image: ColmapImage): CameraPose {
  const rotation = rotationOf(image.quaternion);
  return {
    position: scale(apply(transpose(rotation), image.translation), -1),
    right: rotation[0],
    up: scale(rotation[1], -1),
    forward: rotation[2],
  };
}

export function applySimilarity(s: Similarity, p: Vector3): Vector3 {
  return add(scale(apply(s.rotation, p), s.scale), s.translation);
}

/** The similarity that leads back. */
export function inverseSimilarity({ rotation, scale: factor, translation }: Similarity): Similarity {
  const back = transpose(rotation);
  return { rotation: back, scale: 1 / factor, translation: scale(apply(back, translation), -1 / factor) };
}

/**
 * The similarity that puts a capture upright (z up), its subject at the origin, its cameras on the side of +y and the
 * farthest at distance 1.
 *
 * Trainers' thresholds (how small a gaussian may be, how far it may move) expect a scene of unit size. nerfstudio
 * centres on the mean of the cameras, which for a short arc in front of a subject lies in empty space and makes the
 * scene many units wide. Here the centre is what the cameras look at, so walks around, arcs and rooms have comparable
 * sizes, and viewers that orbit the origin orbit the subject. SuperSplat and its viewer begin 45° to one side of +y:
 * from behind, they would show nothing but the back of what was filmed from the front.
 *
 * @param up in the model's world, of length 1; by default what upright cameras have in common
 */
export function normalizingSimilarity(model: ColmapModel, up?: Vector3): Similarity {
  const poses = model.images.map(cameraPose);
  const upright = rotationBetween(up ?? upDirection(poses), [0, 0, 1]);
  const centre = geometricMedian(lookedAt(model, poses));
  const rotation = multiply(
    turnToFront(poses.map((pose) => apply(upright, subtract(pose.position, centre)))),
    upright,
  );
  const farthest = Math.max(...poses.map((pose) => length(subtract(pose.position, centre))));
  const factor = farthest > 0 ? 1 / farthest : 1;
  return { rotation, scale: factor, translation: scale(apply(rotation, centre), -factor) };
}

/** The turn about z that puts the cameras' mean position on the side of +y. */
function turnToFront(positions: readonly Vector3[]): Matrix3 {
  const sum = positions.reduce(add, [0, 0, 0]);
  const away = Math.hypot(sum[0], sum[1]);
  const [sine, cosine] = away > 0 ? [sum[0] / away, sum[1] / away] : [0, 1];
  return [
    [cosine, -sine, 0],
    [sine, cosine, 0],
    [0, 0, 1],
  ];
}

/**
 * The cameras' common up. The mean of their up axes tilts when the camera looks down from one side only. But people
 * hold cameras level, so the direction perpendicular to all right axes is the vertical (nerfstudio's orientation
 * "vertical"). When the cameras turned too little to determine it, or were rolled, the mean decides (its "up").
 */
export function upDirection(poses: readonly CameraPose[]): Vector3 {
  const mean = (axis: "up" | "forward") =>
    scale(
      poses.reduce<Vector3>((sum, pose) => add(sum, pose[axis]), [0, 0, 0]),
      1 / poses.length,
    );
  const meanUp = mean("up");
  const moment = (i: 0 | 1 | 2, j: 0 | 1 | 2) =>
    poses.reduce((sum, pose) => sum + pose.right[i] * pose.right[j], 0) / poses.length;
  const { values, vectors } = symmetricEigen([
    [moment(0, 0), moment(0, 1), moment(0, 2)],
    [moment(1, 0), moment(1, 1), moment(1, 2)],
    [moment(2, 0), moment(2, 1), moment(2, 2)],
  ]);
  const level = Math.sqrt(Math.max(0, values[0])) < MAX_ROLL;
  if (!level) return length(meanUp) > 0 ? normalized(meanUp) : vectors[0];
  if (Math.sqrt(values[1]) < MIN_TURN) {
    // All right axes are parallel, so they leave a whole plane of candidates.
    const square = subtract(meanUp, scale(vectors[2], dot(meanUp, vectors[2])));
    return length(square) > 0 ? normalized(square) : vectors[0];
  }
  // Which of the two ends is up? Cameras that look straight down do not show it, but then up is behind them.
  const agreement = dot(vectors[0], meanUp);
  const reference = Math.abs(agreement) > 0.1 ? agreement : -dot(vectors[0], mean("forward"));
  const sign = reference < 0 ? -1 : 1;
  return scale(vectors[0], sign);
}

/** Root mean square of the right axes' vertical component: a roll of about 20°. */
const MAX_ROLL = Math.sin((20 * Math.PI) / 180);
/** Root mean square of the right axes along the second principal direction: cameras that turned by about 10°. */
const MIN_TURN = Math.sin((10 * Math.PI) / 180);

/** For each camera, the point straight ahead at the distance of what it sees in the middle of its picture. */
function lookedAt(model: ColmapModel, poses: readonly CameraPose[]): Vector3[] {
  const indexOf = new Map(model.images.map((image, index) => [image.id, index]));
  const inMiddle: number[][] = poses.map(() => []);
  const anywhere: number[][] = poses.map(() => []);
  for (const { position, track } of model.points) {
    for (let i = 0; i < track.length; i += 2) {
      const index = indexOf.get(track[i] ?? -1);
      const image = index === undefined ? undefined : model.images[index];
      const pose = index === undefined ? undefined : poses[index];
      const camera = image && model.cameras.get(image.cameraId);
      if (index === undefined || !image || !pose || !camera) continue;
      const depth = dot(subtract(position, pose.position), pose.forward);
      const feature = 2 * (track[i + 1] ?? 0);
      const fromMiddle = Math.max(
        Math.abs((image.features[feature] ?? 0) / camera.width - 0.5),
        Math.abs((image.features[feature + 1] ?? 0) / camera.height - 0.5),
      );
      anywhere[index]?.push(depth);
      if (fromMiddle < 0.25) inMiddle[index]?.push(depth);
    }
  }
  return poses.map((pose, index) => {
    const middle = inMiddle[index] ?? [];
    const depths = middle.length >= MIN_POINTS_IN_MIDDLE ? middle : (anywhere[index] ?? []);
    return add(pose.position, scale(pose.forward, median(depths)));
  });
}

const MIN_POINTS_IN_MIDDLE = 10;

/** The point with the least sum of distances: a mean that is robust to outliers (Weiszfeld, 1937). */
export function geometricMedian(points: readonly Vector3[]): Vector3 {
  let centre = scale(
    points.reduce((sum, p) => add(sum, p), [0, 0, 0]),
    1 / Math.max(1, points.length),
  );
  for (let iteration = 0; iteration < 100; iteration++) {
    let weights = 0;
    let sum: Vector3 = [0, 0, 0];
    for (const p of points) {
      const weight = 1 / Math.max(1e-9, length(subtract(p, centre)));
      weights += weight;
      sum = add(sum, scale(p, weight));
    }
    if (weights === 0) return centre;
    const next = scale(sum, 1 / weights);
    const moved = length(subtract(next, centre));
    centre = next;
    if (moved < 1e-9 * (1 + length(centre))) break;
  }
  return centre;
}
