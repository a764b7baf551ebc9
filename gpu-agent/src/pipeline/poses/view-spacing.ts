import { median } from "../median.ts";
import type { ColmapModel } from "./colmap-model.ts";
import { type CameraPose, cameraPose } from "./normalize.ts";
import { dot, length, subtract, type Vector3 } from "./vectors.ts";

/** How far apart the views are, and how far the camera travelled. */
export interface ViewSpacing {
  /** Median angle between a view and its nearest neighbour, as the scene sees them, in degrees. */
  readonly degrees: number;
  /** The images whose nearest neighbour is much further away than is usual: their names, the loneliest first. */
  readonly lonely: readonly string[];
  /** The extent of the cameras' positions relative to the distance of what they see. */
  readonly travel: number;
}

/** Views nearer than this (degrees) show the same. */
const SAME_VIEW = 0.5;
/** A view is lonely when its nearest neighbour is this many degrees and this many times the median away. */
const LONELY = { degrees: 20, timesMedian: 2.5 };
const MAX_LONELY = 3;

export function viewSpacing(model: ColmapModel): ViewSpacing {
  const poses = model.images.map(cameraPose);
  const depths = medianDepths(model, poses);
  const nearest = poses.map((pose, i) => {
    const angles = poses.flatMap((other, j) => {
      if (i === j) return [];
      const angle = angleBetween(pose, other, Math.min(depths[i] ?? 0, depths[j] ?? 0));
      return angle < SAME_VIEW ? [] : [angle];
    });
    return Math.min(180, ...angles);
  });
  const degrees = median(nearest);
  const limit = Math.max(LONELY.degrees, LONELY.timesMedian * degrees);
  const lonely = model.images
    .map(({ name }, i) => ({ name, angle: nearest[i] ?? 0 }))
    .filter(({ angle }) => angle > limit)
    .toSorted((a, b) => b.angle - a.angle)
    .slice(0, MAX_LONELY)
    .map(({ name }) => name);
  return { degrees, lonely, travel: extent(poses) / Math.max(1e-12, median(depths)) };
}

/** Degrees: the larger one of the turn between two cameras and the angle under which the scene sees them. */
function angleBetween(a: CameraPose, b: CameraPose, depth: number): number {
  const turn = Math.acos(Math.min(1, Math.max(-1, dot(a.forward, b.forward))));
  const parallax = 2 * Math.atan(length(subtract(a.position, b.position)) / (2 * Math.max(1e-12, depth)));
  return (180 / Math.PI) * Math.max(turn, parallax);
}

/** The diameter of the cameras' positions, without the outermost tenth. */
function extent(poses: readonly CameraPose[]): number {
  const centre = ([0, 1, 2] as const).map((axis) => median(poses.map(({ position }) => position[axis])));
  const middle: Vector3 = [centre[0] ?? 0, centre[1] ?? 0, centre[2] ?? 0];
  const distances = poses.map(({ position }) => length(subtract(position, middle))).toSorted((a, b) => a - b);
  return 2 * (distances[Math.floor(0.9 * (distances.length - 1))] ?? 0);
}

/** The median distance of the points that each camera sees, along its viewing direction. */
function medianDepths(model: ColmapModel, poses: readonly CameraPose[]): number[] {
  const indexOf = new Map(model.images.map(({ id }, index) => [id, index]));
  const depths: number[][] = poses.map(() => []);
  for (const { position, track } of model.points) {
    for (let i = 0; i < track.length; i += 2) {
      const index = indexOf.get(track[i] ?? -1);
      const pose = index === undefined ? undefined : poses[index];
      if (index === undefined || pose === undefined) continue;
      depths[index]?.push(dot(subtract(position, pose.position), pose.forward));
    }
  }
  const all = median(depths.flat());
  return depths.map((ofCamera) => (ofCamera.length === 0 ? all : median(ofCamera)));
}
