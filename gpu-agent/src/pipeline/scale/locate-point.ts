import { type Lens, lensOf, type PosedFrame, type Transforms } from "@splatt/formats";
import { err, ok, type Result } from "@splatt/shared";
import { type OpenCvCamera, project, unproject } from "../poses/camera-models.ts";
import {
  add,
  apply,
  dot,
  length,
  type Matrix3,
  multiply,
  normalized,
  scale,
  subtract,
  symmetricEigen,
  transpose,
  type Vector3,
} from "../poses/vectors.ts";

/** A point, and how uncertain it is: the covariance of its position. */
export interface Located {
  readonly position: Vector3;
  readonly covariance: Matrix3;
}

/** Where a placed frame shows the point: shares of the picture's width and height. */
export interface SeenIn {
  readonly frame: PosedFrame;
  readonly x: number;
  readonly y: number;
}

/** A person marks a point to this share of the picture's diagonal at best. */
const MARKING_ERROR = 0.001;
/** Marks this share of the diagonal away from where the located point appears are not marks of one point. */
const MAX_MISFIT = 0.02;

/**
 * The point that is nearest to all the rays on which the pictures show it.
 *
 * @returns or why there is none, as a sentence without its end
 */
export function locatePoint(transforms: Transforms, seen: readonly SeenIn[]): Result<Located, string> {
  const rays = seen.map((sighting) => rayOf(transforms, sighting));
  // The sum of the squared distances from the rays is a quadratic form; its matrix is the sum of their projections.
  const across = rays.map(({ direction }) => acrossOf(direction));
  const normal = sumOf(across);
  const offset = rays.reduce<Vector3>(
    (sum, { origin }, i) => add(sum, apply(across[i] ?? normal, origin)),
    [0, 0, 0],
  );
  const inverse = inverseOf(normal);
  if (inverse === null) return err("its pictures see it from the same direction: mark it in others");
  const position = apply(inverse, offset);
  const misfits = rays.map((ray) => misfit(ray, position));
  const worst = Math.max(...misfits);
  if (worst > MAX_MISFIT) {
    return err(
      Number.isFinite(worst)
        ? "its pictures do not show the same point: the rays through the marks miss each other"
        : "the rays through the marks meet behind a camera",
    );
  }
  const error = Math.max(MARKING_ERROR, ...misfits);
  const information = rays.map(({ origin, lens }, i) => {
    const sigma = (length(subtract(position, origin)) * error * diagonal(lens)) / Math.max(lens.fx, lens.fy);
    return scaled(across[i] ?? normal, 1 / Math.max(1e-12, sigma) ** 2);
  });
  const covariance = inverseOf(sumOf(information));
  return covariance === null
    ? err("its pictures see it from the same direction: mark it in others")
    : ok({ position, covariance });
}

interface Ray {
  readonly origin: Vector3;
  readonly direction: Vector3;
  readonly lens: OpenCvCamera;
  /** From the world to the camera: x right, y down, z forward. */
  readonly rotation: Matrix3;
  /** Pixels. */
  readonly mark: readonly [number, number];
}

function rayOf(transforms: Transforms, { frame, x, y }: SeenIn): Ray {
  const lens = openCvOf(lensOf(transforms, frame));
  const [a, b, c] = frame.transform_matrix;
  const toWorld: Matrix3 = [
    [a[0], -a[1], -a[2]],
    [b[0], -b[1], -b[2]],
    [c[0], -c[1], -c[2]],
  ];
  const mark = [x * lens.width, y * lens.height] as const;
  return {
    origin: [a[3], b[3], c[3]],
    direction: normalized(apply(toWorld, unproject(lens, mark))),
    rotation: transpose(toWorld),
    ...{ lens, mark },
  };
}

function openCvOf({ w, h, fl_x, fl_y, cx, cy, k1, k2, p1, p2 }: Lens): OpenCvCamera {
  return { width: w, height: h, fx: fl_x, fy: fl_y, cx, cy, k1, k2, p1, p2 };
}

/** How far from the mark the point appears, as a share of the picture's diagonal; infinite behind the camera. */
function misfit({ origin, rotation, lens, mark }: Ray, position: Vector3): number {
  const at = project(lens, apply(rotation, subtract(position, origin)));
  return at === null ? Infinity : Math.hypot(at[0] - mark[0], at[1] - mark[1]) / diagonal(lens);
}

function diagonal({ width, height }: OpenCvCamera): number {
  return Math.hypot(width, height);
}

/** The projection onto the plane across a unit vector. */
function acrossOf([x, y, z]: Vector3): Matrix3 {
  return [
    [1 - x * x, -x * y, -x * z],
    [-y * x, 1 - y * y, -y * z],
    [-z * x, -z * y, 1 - z * z],
  ];
}

function sumOf(matrices: readonly Matrix3[]): Matrix3 {
  const row = (i: 0 | 1 | 2) => matrices.reduce<Vector3>((sum, m) => add(sum, m[i]), [0, 0, 0]);
  return [row(0), row(1), row(2)];
}

function scaled(m: Matrix3, factor: number): Matrix3 {
  return [scale(m[0], factor), scale(m[1], factor), scale(m[2], factor)];
}

/** The least ratio of a matrix's eigenvalues from which it is inverted: rays about 0.6° apart. */
const MIN_RATIO = 2.5e-5;

/** The inverse of a symmetric, positive matrix; null when it is as good as singular. */
function inverseOf(m: Matrix3): Matrix3 | null {
  const { values, vectors } = symmetricEigen(m);
  if (!(values[0] > MIN_RATIO * values[2])) return null;
  const [a, b, c] = [
    scale(vectors[0], 1 / values[0]),
    scale(vectors[1], 1 / values[1]),
    scale(vectors[2], 1 / values[2]),
  ];
  return multiply(transpose(vectors), [a, b, c]);
}

/** The variance along a unit vector. */
export function varianceAlong({ covariance }: Located, direction: Vector3): number {
  return dot(direction, apply(covariance, direction));
}
