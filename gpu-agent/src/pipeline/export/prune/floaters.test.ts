import { pinholeCamera } from "@splatt/cpu-trainer";
import { emptySplatCloud, type Matrix4, type PointCloud } from "@splatt/formats";
import { expect, it } from "vitest";
import { pruningRules } from "./floaters.ts";

const INTRINSICS = { width: 100, height: 100, focalX: 100, focalY: 100, centerX: 50, centerY: 50 };
/** Three cameras side by side at z = 0 that look along −z. */
const cameras = [-0.5, 0, 0.5].map((x) => {
  const pose: Matrix4 = [
    [1, 0, 0, x],
    [0, 1, 0, 0],
    [0, 0, 1, 0],
    [0, 0, 0, 1],
  ];
  return pinholeCamera(INTRINSICS, pose);
});
/** A wall at distance 4. */
const points: PointCloud = {
  count: 100,
  positions: Float32Array.from(
    { length: 300 },
    (_, i) => [((i / 3) % 10) / 5 - 1, Math.floor(i / 30) / 5 - 1, -4][i % 3] as number,
  ),
  colors: new Float32Array(300),
};

function rulesFor(positions: readonly (readonly number[])[], logScales = positions.map(() => -4)) {
  const cloud = emptySplatCloud(positions.length, 0);
  cloud.positions.set(positions.flat());
  cloud.logScales.set(logScales.flatMap((scale) => [scale, scale, scale]));
  const rules = pruningRules(cloud, points, cameras);
  return Object.fromEntries(rules.map(({ name, candidates }) => [name, candidates]));
}

it("names what the photos do not support, and nothing of the scene", () => {
  const wall = [0, 0, -4];
  const slightlyNearer = [0, 0, -3];
  const behindTheCameras = [0, 0, 2];
  const inOneCamera = [-2.4, 0, -4];
  const floater = [0, 0, -1.2];
  const fog = [0, 0, -40];
  const found = rulesFor([wall, slightlyNearer, behindTheCameras, inOneCamera, floater, fog]);
  expect(found).toEqual({ unseen: expect.arrayContaining([2, 3]), "in front": [4], fog: [5] });
  expect(found.unseen).toHaveLength(2);
});

it("puts the least visible first", () => {
  const fog = [0, 0, -40];
  expect(rulesFor([fog, fog, fog], [0, -5, -2]).fog).toEqual([1, 2, 0]);
});

it("finds no fog and no floaters where there are no points to compare with", () => {
  const cloud = emptySplatCloud(1, 0);
  cloud.positions.set([0, 0, -40]);
  const none = { count: 0, positions: new Float32Array(0), colors: new Float32Array(0) };
  expect(pruningRules(cloud, none, cameras).map(({ candidates }) => candidates)).toEqual([[], [], []]);
});
