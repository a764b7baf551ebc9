import { Matrix4 } from "@splatt/formats";
import { z } from "zod";

/*
 * PLYs stay in the frame of transforms.json. The web formats are written in the axes that their readers expect:
 * x right, y down, z forward. SuperSplat turns what it opens by 180° about z, Spark's and Babylon's examples by 180°
 * about x, and either way the scene stands upright.
 */

export const WEB_AXES = "x right, y down, z forward";

const UP_AXES = ["+x", "-x", "+y", "-y", "+z", "-z"] as const;
/** The direction that is up in a frame, as the nearest axis. */
export type UpAxis = (typeof UP_AXES)[number];

/** The frame of the datasets that the poses stage writes. */
const DATASET_UP: UpAxis = "+z";

const PosedCameras = z.object({ frames: z.array(z.object({ transform_matrix: Matrix4 })) });

/** How well the cameras must agree for their up direction to override the default. */
const LEAST_AGREEMENT = 0.7;

/**
 * The up direction of a program's own transforms.json, from its cameras. People hold cameras upright. Cameras that all
 * look down do not show it, so the default is +z, the up axis of nerfstudio's frames.
 */
export function upAxisOf(transforms: unknown): UpAxis {
  const cameras = PosedCameras.safeParse(transforms);
  if (!cameras.success || cameras.data.frames.length === 0) return DATASET_UP;
  const sum = [0, 0, 0];
  for (const { transform_matrix } of cameras.data.frames) {
    for (let axis = 0; axis < 3; axis++) sum[axis] = (sum[axis] ?? 0) + (transform_matrix[axis]?.[1] ?? 0);
  }
  const mean = sum.map((value) => value / cameras.data.frames.length);
  const sizes = mean.map(Math.abs);
  const most = Math.max(...sizes);
  if (!(most >= LEAST_AGREEMENT)) return DATASET_UP;
  const axis = sizes.indexOf(most);
  return UP_AXES[2 * axis + ((mean[axis] ?? 0) < 0 ? 1 : 0)] ?? DATASET_UP;
}

/** The direction as a vector of length 1. */
export function vectorOf(up: UpAxis): readonly [x: number, y: number, z: number] {
  const along = (axis: string) => (up[1] !== axis ? 0 : up[0] === "-" ? -1 : 1);
  return [along("x"), along("y"), along("z")];
}

/** A rotation about the x or the z axis, in degrees. */
export interface AxisRotation {
  readonly axis: "x" | "z";
  readonly degrees: 0 | 90 | -90 | 180;
}

/** Turns a frame with the given up direction into the web formats' axes. */
export const TO_WEB_FRAME: { readonly [up in UpAxis]: AxisRotation } = {
  "+x": { axis: "z", degrees: -90 },
  "-x": { axis: "z", degrees: 90 },
  "+y": { axis: "x", degrees: 180 },
  "-y": { axis: "x", degrees: 0 },
  "+z": { axis: "x", degrees: 90 },
  "-z": { axis: "x", degrees: -90 },
};

/** The rotation as a 4×4 matrix by rows: p_web = matrix · p_ply. */
export function matrixOf({ axis, degrees }: AxisRotation): number[][] {
  const cos = { 0: 1, 90: 0, "-90": 0, 180: -1 }[degrees];
  const sin = { 0: 0, 90: 1, "-90": -1, 180: 0 }[degrees];
  const minusSin = sin === 0 ? 0 : -sin;
  return axis === "x"
    ? [
        [1, 0, 0, 0],
        [0, cos, minusSin, 0],
        [0, sin, cos, 0],
        [0, 0, 0, 1],
      ]
    : [
        [cos, minusSin, 0, 0],
        [sin, cos, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 1],
      ];
}
