import { pinholeCamera, SplatRenderer } from "@splatt/cpu-trainer";
import { emptySplatCloud, type Matrix4, type SplatCloud } from "@splatt/formats";
import { type AxisRotation, matrixOf, TO_WEB_FRAME } from "../../web-frame.ts";

/** Pixels of a picture's width and height. */
export const SIZE = 200;
/** Babylon counts in steps of 16. */
export const GAUSSIANS = 608;
/** The vertical field of view. */
export const FOV_DEGREES = 50;
export const FOCAL = SIZE / 2 / Math.tan((FOV_DEGREES * Math.PI) / 360);

/** Three numbers. */
export type Vector = readonly [x: number, y: number, z: number];

/** Where the camera stands in a viewer's world, whose y axis is up. It looks at the origin, from no axis. */
export const CAMERA_POSITION: Vector = [0.9, 0.8, 2.6];

/**
 * A scene that looks different from every side and in every mirror: a bent band of long gaussians, with colours that
 * change along it and with the direction of the view. Up is z, as the poses stage makes it.
 */
export function testScene(): SplatCloud {
  const cloud = emptySplatCloud(GAUSSIANS, 2);
  for (let i = 0; i < GAUSSIANS; i++) {
    const t = i / GAUSSIANS;
    const angle = 9 * t;
    cloud.positions.set([0.9 * Math.sin(angle) * t, 0.9 * Math.cos(angle) * t - 0.1, 1.6 * t - 0.7], 3 * i);
    cloud.logScales.set([-2.3, -3, -3.4], 3 * i);
    cloud.rotations.set([1, Math.sin(5 * i), Math.cos(3 * i), 0.3], 4 * i);
    cloud.opacities[i] = i % 3 === 0 ? 0.5 : 4;
    cloud.dc.set([1.5 - 3 * t, 2 * Math.sin(8 * t), 3 * t - 1.5], 3 * i);
  }
  for (let j = 0; j < cloud.rest.length; j++) cloud.rest[j] = 0.3 * Math.sin(j % 24);
  return cloud;
}

/** The same gaussians without the part of their colour that depends on the view. */
export function withoutHarmonics(cloud: SplatCloud): SplatCloud {
  return { ...cloud, shDegree: 0, rest: new Float32Array(0) };
}

/** How a viewer shows a file: the turn that it applies, and the frame that the file is in. */
export interface Placement {
  readonly turn: AxisRotation;
  readonly frame: "ply" | "web";
}

/** The pose, in the PLY's frame, of the camera that stands at `CAMERA_POSITION` in the viewer's world. */
export function cameraPose({ turn, frame }: Placement): Matrix4 {
  const toWorld = matrixOf(turn);
  const fromPly = frame === "ply" ? toWorld : multiply(toWorld, matrixOf(TO_WEB_FRAME["+z"]));
  return asMatrix4(multiply(transpose(fromPly), lookingAtOrigin(CAMERA_POSITION)));
}

/** What the renderer of the agent, which makes the thumbnail, shows from there: rgb24. */
export function expectedPicture(cloud: SplatCloud, pose: Matrix4): Uint8Array {
  const center = { centerX: SIZE / 2, centerY: SIZE / 2 };
  const intrinsics = { width: SIZE, height: SIZE, focalX: FOCAL, focalY: FOCAL, ...center };
  return new SplatRenderer(cloud, { width: SIZE, height: SIZE }).render(pinholeCamera(intrinsics, pose));
}

/** The same picture, seen in a mirror. */
export function mirrored(picture: Uint8Array): Uint8Array {
  return picture.map((_, i) => {
    const [pixel, channel] = [Math.floor(i / 3), i % 3];
    const [x, y] = [pixel % SIZE, Math.floor(pixel / SIZE)];
    return picture[3 * (y * SIZE + SIZE - 1 - x) + channel] ?? 0;
  });
}

export function psnr(a: Uint8Array, b: Uint8Array): number {
  const squares = a.reduce((sum, value, i) => sum + (value - (b[i] ?? 0)) ** 2, 0);
  return 10 * Math.log10(255 ** 2 / (squares / a.length));
}

/** Camera to world in OpenGL's convention: right, up, back, position. */
function lookingAtOrigin(position: Vector): number[][] {
  const back = normalized(position);
  const right = normalized(cross([0, 1, 0], back));
  const up = cross(back, right);
  const row = (i: 0 | 1 | 2) => [right[i], up[i], back[i], position[i]];
  return [row(0), row(1), row(2), [0, 0, 0, 1]];
}

function normalized([x, y, z]: Vector): Vector {
  const length = Math.hypot(x, y, z);
  return [x / length, y / length, z / length];
}

function cross(a: Vector, b: Vector): Vector {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

function multiply(a: readonly number[][], b: readonly number[][]): number[][] {
  return a.map((row) =>
    [0, 1, 2, 3].map((column) => row.reduce((sum, v, k) => sum + v * (b[k]?.[column] ?? 0), 0)),
  );
}

function transpose(matrix: readonly number[][]): number[][] {
  return [0, 1, 2, 3].map((column) => matrix.map((row) => row[column] ?? 0));
}

function asMatrix4(rows: readonly number[][]): Matrix4 {
  const row = (i: number): [number, number, number, number] => {
    const [a = 0, b = 0, c = 0, d = 0] = rows[i] ?? [];
    return [a, b, c, d];
  };
  return [row(0), row(1), row(2), row(3)];
}
