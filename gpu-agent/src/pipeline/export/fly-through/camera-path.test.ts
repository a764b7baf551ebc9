import type { Matrix4 } from "@splatt/formats";
import { describe, expect, it } from "vitest";
import { cameraPath } from "./camera-path.ts";

const UP = [0, 0, 1] as const;

/** A camera at an angle about the z axis that looks at it, rolled about its view. */
function frameAt(degrees: number, { distance = 1, roll = 0, center = 0, name = degrees } = {}) {
  const [sin, cos] = [Math.sin((degrees * Math.PI) / 180), Math.cos((degrees * Math.PI) / 180)];
  const [s, c] = [Math.sin(roll), Math.cos(roll)];
  const [right, up] = [
    [-sin, cos, 0],
    [0, 0, 1],
  ] as const;
  const column = (axis: 0 | 1 | 2): [number, number] => [
    c * right[axis] + s * up[axis],
    -s * right[axis] + c * up[axis],
  ];
  const transform_matrix: Matrix4 = [
    [...column(0), cos, center + distance * cos],
    [...column(1), sin, distance * sin],
    [...column(2), 0, 0],
    [0, 0, 0, 1],
  ];
  return { file_path: `${name}.jpg`, transform_matrix };
}

const turn = (from: number, to: number, step: number) =>
  Array.from({ length: Math.round((to - from) / step) + 1 }, (_, i) => from + i * step);

function positionsOf(path: NonNullable<ReturnType<typeof cameraPath>>, count = 200) {
  return Array.from({ length: count }, (_, i) => {
    const pose = path.poseAt(i / (count - 1));
    return [pose[0][3], pose[1][3], pose[2][3]] as const;
  });
}

function pathOf(frames: Parameters<typeof cameraPath>[0]) {
  const path = cameraPath(frames, UP);
  if (path === null) return expect.fail("no path");
  return path;
}

describe("cameraPath", () => {
  it("goes around with a full turn, and ends where it began", () => {
    const path = pathOf(turn(0, 350, 10).map((angle) => frameAt(angle)));
    expect(path.closed).toBe(true);
    const [first, last] = [path.poseAt(0), path.poseAt(1)];
    for (const row of [0, 1, 2] as const) {
      for (const column of [0, 1, 2, 3] as const)
        expect(last[row][column]).toBeCloseTo(first[row][column], 5);
    }
  });

  it("stays within the cameras, near them, upright, and at an even pace without a jump", () => {
    const shaken = turn(0, 160, 4).map((angle, i) =>
      frameAt(angle, { distance: 1 + (i % 2) * 0.02, roll: 0.1 * Math.sin(3 * i) }),
    );
    const path = pathOf(shaken);
    expect(path.closed).toBe(false);
    const positions = positionsOf(path);
    const steps = positions.slice(1).map((to, i) => {
      const from = positions[i] ?? to;
      return Math.hypot(to[0] - from[0], to[1] - from[1], to[2] - from[2]);
    });
    for (const [x, y] of positions) {
      expect(Math.hypot(x, y)).toBeLessThan(1.02);
      expect(Math.hypot(x, y)).toBeGreaterThan(0.93);
    }
    expect(Math.max(...steps)).toBeLessThan(1.4 * Math.min(...steps));
    for (const share of [0, 0.3, 0.77, 1]) {
      const [r0, r1, r2] = path.poseAt(share);
      expect(r2[0]).toBeCloseTo(0, 6);
      expect(r2[1]).toBeGreaterThan(0.99);
      const determinant =
        r0[0] * (r1[1] * r2[2] - r1[2] * r2[1]) -
        r0[1] * (r1[0] * r2[2] - r1[2] * r2[0]) +
        r0[2] * (r1[0] * r2[1] - r1[1] * r2[0]);
      expect(determinant).toBeCloseTo(1, 6);
    }
  });

  it("takes the longer part where the cameras jump", () => {
    const here = turn(0, 60, 3).map((angle) => frameAt(angle));
    const there = turn(0, 120, 3).map((angle) => frameAt(angle, { center: 40, name: 1000 + angle }));
    for (const [x] of positionsOf(pathOf([...here, ...there]))) expect(x).toBeGreaterThan(30);
  });

  it("puts photos in any order next to their neighbours", () => {
    const angles = turn(0, 170, 5);
    const mixed = angles.map((_, i) => angles[(i * 13) % angles.length] ?? 0);
    const positions = positionsOf(pathOf(mixed.map((angle) => frameAt(angle))));
    const way = positions.slice(1).reduce((sum, to, i) => {
      const from = positions[i] ?? to;
      return sum + Math.hypot(to[0] - from[0], to[1] - from[1]);
    }, 0);
    expect(way).toBeLessThan(3.3);
  });

  it("keeps the cameras' own up where they look straight down", () => {
    const down = turn(0, 20, 1).map((i) => ({
      file_path: `${i}.jpg`,
      transform_matrix: [
        [1, 0, 0, i / 10],
        [0, 1, 0, 0],
        [0, 0, 1, 2],
        [0, 0, 0, 1],
      ] as Matrix4,
    }));
    const pose = pathOf(down).poseAt(0.5);
    expect([pose[0][0], pose[1][1], pose[2][2]].every((value) => value > 0.999)).toBe(true);
  });

  it.each([
    ["few cameras", turn(0, 20, 10).map((angle) => frameAt(angle))],
    ["cameras in one place", Array.from({ length: 20 }, (_, name) => frameAt(7, { name }))],
    ["no camera", []],
  ])("is none for %s", (_, frames) => {
    expect(cameraPath(frames, UP)).toBeNull();
  });
});
