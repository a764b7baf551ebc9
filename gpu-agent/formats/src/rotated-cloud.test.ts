import { describe, expect, it } from "vitest";
import { type Rotation, rotateSplatCloud } from "./rotated-cloud.ts";
import { emptySplatCloud, type SplatCloud } from "./splat-cloud.ts";

function cloudOf(shDegree: number): SplatCloud {
  const cloud = emptySplatCloud(3, shDegree);
  for (const field of ["positions", "rotations", "rest"] as const) {
    cloud[field].forEach((_, i) => {
      cloud[field][i] = Math.sin(3 * i + 1);
    });
  }
  return cloud;
}

const quarterTurn: Rotation = [
  [1, 0, 0],
  [0, 0, -1],
  [0, 1, 0],
];
/** By 0.7 about the axis (1, 2, 2)/3. */
const slanted: Rotation = (() => {
  const [x, y, z] = [1 / 3, 2 / 3, 2 / 3];
  const [c, s] = [Math.cos(0.7), Math.sin(0.7)];
  const k = 1 - c;
  return [
    [c + x * x * k, x * y * k - z * s, x * z * k + y * s],
    [y * x * k + z * s, c + y * y * k, y * z * k - x * s],
    [z * x * k - y * s, z * y * k + x * s, c + z * z * k],
  ];
})();
const inverse = (rotation: Rotation) => [0, 1, 2].map((i) => rotation.map((row) => row[i] ?? 0));

/** The same orientation has two quaternions. */
function withPositiveReal(quaternions: Float32Array): number[] {
  return Array.from(quaternions, (value, i) => {
    const own = quaternions.subarray(4 * Math.floor(i / 4));
    return (own[0] ?? 0) < 0 ? -value : value;
  });
}

describe.each([
  ["a quarter turn", quarterTurn],
  ["any turn", slanted],
])("%s", (_, rotation) => {
  it.each([0, 1, 2, 3])("and back again gives the same splat, at degree %i", (degree) => {
    const cloud = cloudOf(degree);
    const back = rotateSplatCloud(rotateSplatCloud(cloud, rotation), inverse(rotation));
    const close = (values: ArrayLike<number>) => Array.from(values, (value) => expect.closeTo(value, 5));
    expect(Array.from(back.positions)).toEqual(close(cloud.positions));
    expect(Array.from(back.rest)).toEqual(close(cloud.rest));
    expect(withPositiveReal(back.rotations)).toEqual(close(withPositiveReal(cloud.rotations)));
  });

  it("changes no band's energy, which does not depend on direction", () => {
    const cloud = cloudOf(3);
    const turned = rotateSplatCloud(cloud, rotation);
    const energy = ({ rest }: SplatCloud, from: number, to: number) =>
      rest.reduce((sum, value, i) => (i % 15 >= from && i % 15 < to ? sum + value ** 2 : sum), 0);
    for (const [from, to] of [
      [0, 3],
      [3, 8],
      [8, 15],
    ] as const) {
      expect(energy(turned, from, to)).toBeCloseTo(energy(cloud, from, to), 3);
    }
    expect(turned.rest).not.toEqual(cloud.rest);
  });
});

it("turns the first band like a direction", () => {
  const cloud = emptySplatCloud(1, 1);
  // Red grows towards +z: the band's functions are −y, z, −x.
  cloud.rest.set([0, 1, 0]);
  // z goes to −y.
  expect(Array.from(rotateSplatCloud(cloud, quarterTurn).rest.subarray(0, 3))).toEqual(
    [1, 0, 0].map((value) => expect.closeTo(value, 6)),
  );
});
