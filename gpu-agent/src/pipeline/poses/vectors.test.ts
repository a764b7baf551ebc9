import { describe, expect, it } from "vitest";
import {
  apply,
  cross,
  dot,
  length,
  type Matrix3,
  normalized,
  rotationBetween,
  rotationOf,
  symmetricEigen,
  transpose,
  type Vector3,
} from "./vectors.ts";

function expectClose(actual: Vector3, expected: Vector3) {
  for (const i of [0, 1, 2] as const) expect(actual[i]).toBeCloseTo(expected[i], 9);
}

function determinant(m: Matrix3): number {
  return dot(m[0], cross(m[1], m[2]));
}

describe("rotationOf", () => {
  const half = Math.SQRT1_2;
  it.each<[readonly [number, number, number, number], Vector3, Vector3]>([
    [
      [1, 0, 0, 0],
      [1, 2, 3],
      [1, 2, 3],
    ],
    [
      [half, 0, 0, half],
      [1, 0, 0],
      [0, 1, 0],
    ],
    [
      [half, half, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ],
    [
      [half, 0, half, 0],
      [0, 0, 1],
      [1, 0, 0],
    ],
    [
      [2, 0, 0, 2],
      [1, 0, 0],
      [0, 1, 0],
    ],
  ])("%j turns %j to %j", (quaternion, from, to) => expectClose(apply(rotationOf(quaternion), from), to));
});

describe("rotationBetween", () => {
  it.each<[Vector3, Vector3]>([
    [
      [1, 0, 0],
      [0, 0, 1],
    ],
    [
      [0, -1, 0],
      [0, 0, 1],
    ],
    [
      [0, 0, 1],
      [0, 0, 1],
    ],
    [
      [0, 0, -1],
      [0, 0, 1],
    ],
    [
      [1, 0, 0],
      [-1, 0, 0],
    ],
    [normalized([0.3, -0.5, 0.1]), normalized([-1, 2, 0.4])],
    [normalized([1e-4, 0, -1]), [0, 0, 1]],
  ])("turns %j to %j, and is a rotation", (from, to) => {
    const rotation = rotationBetween(from, to);
    expectClose(apply(rotation, from), to);
    expect(determinant(rotation)).toBeCloseTo(1, 9);
    expectClose(apply(transpose(rotation), to), from);
  });
});

describe("symmetricEigen", () => {
  it.each<[Matrix3, Vector3]>([
    [
      [
        [3, 0, 0],
        [0, 1, 0],
        [0, 0, 2],
      ],
      [1, 2, 3],
    ],
    [
      [
        [2, 1, 0],
        [1, 2, 0],
        [0, 0, 5],
      ],
      [1, 3, 5],
    ],
    [
      [
        [0, 0, 0],
        [0, 0, 0],
        [0, 0, 0],
      ],
      [0, 0, 0],
    ],
    [
      [
        [1, 1, 1],
        [1, 1, 1],
        [1, 1, 1],
      ],
      [0, 0, 3],
    ],
  ])("%j", (matrix, expected) => {
    const { values, vectors } = symmetricEigen(matrix);
    expectClose(values, expected);
    for (const i of [0, 1, 2] as const) {
      expect(length(vectors[i])).toBeCloseTo(1, 9);
      const image = apply(matrix, vectors[i]);
      expectClose(image, [values[i] * vectors[i][0], values[i] * vectors[i][1], values[i] * vectors[i][2]]);
    }
  });
});
