import { describe, expect, it } from "vitest";
import { pinholeCamera } from "../dataset/camera.ts";
import { tilted } from "../testing/gradient-scene.ts";
import { seedPoints } from "./initialisation.ts";
import { Random } from "./random.ts";

/** Near the origin; looks along −z. */
const CAMERA = pinholeCamera(
  { width: 60, height: 40, focalX: 50, focalY: 50, centerX: 30, centerY: 20 },
  tilted(0, 0),
);

function seedsOf(
  points: readonly (readonly [number, number, number])[],
  options = { atLeast: 0, atMost: 100 },
) {
  const cloud = {
    count: points.length,
    positions: Float32Array.from(points.flat()),
    colors: new Float32Array(3 * points.length).fill(255),
  };
  return seedPoints(cloud, [CAMERA], options, new Random(1));
}

const NEIGHBORS = [
  [0, 0, -2],
  [0.1, 0, -2],
  [0, 0.1, -2],
] as const;

describe("a sparse point is left out when", () => {
  it.each<[string, readonly [number, number, number]]>([
    ["it is not finite", [Number.NaN, 0, -2]],
    ["it is endless", [0, 0, Number.NEGATIVE_INFINITY]],
    ["it is behind all cameras", [0, 0, 2]],
    ["it is far outside of all pictures", [50, 0, -2]],
    ["it is too far for the numbers of a picture", [0, 0, -1e20]],
  ])("%s", (_, point) => {
    expect(seedsOf([...NEIGHBORS, point]).count).toBe(3);
  });

  it("it coincides with many others", () => {
    const heap = Array.from({ length: 5 }, () => [0.3, 0.3, -2] as const);
    const { count, scales } = seedsOf([...NEIGHBORS, ...heap]);
    expect(count).toBe(3);
    expect(Math.min(...scales)).toBeGreaterThan(0.05);
  });
});

it("a point next to a picture is kept", () => {
  // Half of the picture's width at a distance of 2 is 1.2.
  expect(seedsOf([...NEIGHBORS, [1.5, 0, -2]]).count).toBe(4);
});

it("adds random points in view of the cameras, finite and of some size, when there are too few", () => {
  const seeds = seedsOf(NEIGHBORS, { atLeast: 50, atMost: 100 });
  expect(seeds.count).toBe(50);
  expect(seeds.scales.every((scale) => scale > 0 && Number.isFinite(scale))).toBe(true);
  const again = seedsOf(
    Array.from({ length: 50 }, (_, i) => [...seeds.positions.subarray(3 * i, 3 * i + 3)] as never),
  );
  expect(again.count).toBe(50);
});

it("takes a sample of too many points", () => {
  const many = Array.from({ length: 200 }, (_, i) => [i / 400, 0, -2] as const);
  const { count, positions } = seedsOf(many, { atLeast: 0, atMost: 20 });
  expect(count).toBe(20);
  const xs = Array.from({ length: count }, (_, i) => positions[3 * i]);
  expect(new Set(xs).size).toBe(20);
});
