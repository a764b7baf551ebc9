import type { Matrix4 } from "@splatt/formats";
import { describe, expect, it } from "vitest";
import { bestView } from "./best-view.ts";

/** A camera on the z axis, turned about y by an angle in degrees. */
function camera(z: number, degrees: number): { file_path: string; transform_matrix: Matrix4 } {
  const [sin, cos] = [Math.sin((degrees * Math.PI) / 180), Math.cos((degrees * Math.PI) / 180)];
  const transform_matrix: Matrix4 = [
    [cos, 0, sin, 0],
    [0, 1, 0, 0],
    [-sin, 0, cos, z],
    [0, 0, 0, 1],
  ];
  return { file_path: "x", transform_matrix };
}

describe("bestView", () => {
  it.each([
    ["the one that looks at the subject", [camera(1, 20), camera(1, -3), camera(1, 40)], 1],
    ["not one that has it at its back", [camera(-1, 0), camera(1, 60)], 1],
    ["one of which the subject's side of the origin is behind", [camera(1, 180), camera(-1, 170)], 1],
    ["the only one", [camera(0, 0)], 0],
  ])("is %s", (_, frames, index) => {
    expect(bestView({ frames })).toBe(index);
  });
});
