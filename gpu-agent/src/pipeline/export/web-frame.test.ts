import { describe, expect, it } from "vitest";
import { matrixOf, TO_WEB_FRAME, type UpAxis, upAxisOf } from "./web-frame.ts";

/** A camera whose second column, up, is this. */
function cameraWithUp([x, y, z]: readonly [number, number, number]) {
  return {
    transform_matrix: [
      [0, x, 0, 0],
      [0, y, 0, 0],
      [0, z, 0, 0],
      [0, 0, 0, 1],
    ],
  };
}

describe("upAxisOf", () => {
  it.each([
    ["upright cameras", [cameraWithUp([0, 0.3, 0.95]), cameraWithUp([0.1, -0.3, 0.9])], "+z"],
    ["cameras in COLMAP's axes", [cameraWithUp([0, -1, 0]), cameraWithUp([0.2, -0.9, 0])], "-y"],
    ["cameras in OpenGL's axes", [cameraWithUp([0, 1, 0.1])], "+y"],
    ["cameras that look down from all sides", [cameraWithUp([1, 0, 0]), cameraWithUp([-1, 0, 0])], "+z"],
    ["no cameras", [], "+z"],
  ] as const)("of %s", (_, frames, up) => {
    expect(upAxisOf({ frames })).toBe(up);
  });

  it.each([null, {}, { frames: [{ transform_matrix: [[1]] }] }, { frames: "x" }])(
    "of %j is the default",
    (value) => {
      expect(upAxisOf(value)).toBe("+z");
    },
  );
});

const UP: { readonly [up in UpAxis]: readonly number[] } = {
  "+x": [1, 0, 0],
  "-x": [-1, 0, 0],
  "+y": [0, 1, 0],
  "-y": [0, -1, 0],
  "+z": [0, 0, 1],
  "-z": [0, 0, -1],
};

describe("the rotation into the web frame", () => {
  it.each(Object.keys(UP) as UpAxis[])("makes %s the direction −y, without mirroring", (up) => {
    const rows = matrixOf(TO_WEB_FRAME[up]).slice(0, 3);
    const turned = rows.map((row) => UP[up].reduce((sum, value, i) => sum + value * (row[i] ?? 0), 0));
    expect(turned.map((value) => value + 0)).toEqual([0, -1, 0]);
    const [a = [], b = [], c = []] = rows;
    const minor = (i: number, j: number) => (b[i] ?? 0) * (c[j] ?? 0) - (b[j] ?? 0) * (c[i] ?? 0);
    expect((a[0] ?? 0) * minor(1, 2) - (a[1] ?? 0) * minor(0, 2) + (a[2] ?? 0) * minor(0, 1)).toBe(1);
  });
});
