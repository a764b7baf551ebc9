import { describe, expect, it } from "vitest";
import { orientationFilters, orientationOf, parseDisplayMatrix } from "./orientation.ts";

const ONE = 65536;

describe("orientationOf", () => {
  it.each([
    [[ONE, 0], [0, ONE], false, 0],
    [[0, ONE], [-ONE, 0], false, 90],
    [[-ONE, 0], [0, -ONE], false, 180],
    [[0, -ONE], [ONE, 0], false, 270],
    [[-ONE, 0], [0, ONE], true, 0],
    [[ONE, 0], [0, -ONE], true, 180],
    [[0, -ONE], [-ONE, 0], true, 90],
    [[0, ONE], [ONE, 0], true, 270],
    [[60000, 26000], [-26000, 60000], false, 0],
  ] as const)("[%j, %j]: mirrored %j, turned by %i", (first, second, mirrored, clockwiseDegrees) => {
    expect(orientationOf(first, second)).toEqual({ mirrored, clockwiseDegrees });
  });

  it("is null for a matrix of zeros", () => {
    expect(orientationOf([0, 0], [0, 0])).toBeNull();
    expect(parseDisplayMatrix("nonsense")).toBeNull();
  });
});

describe("orientationFilters", () => {
  /** What each of ffmpeg's filters does to the corners, clockwise from the upper left. */
  const MOVES: Readonly<Record<string, readonly number[]>> = {
    hflip: [1, 0, 3, 2],
    vflip: [3, 2, 1, 0],
    "transpose=clock": [3, 0, 1, 2],
    "transpose=cclock": [1, 2, 3, 0],
    "transpose=cclock_flip": [0, 3, 2, 1],
    "transpose=clock_flip": [2, 1, 0, 3],
  };

  it.each(
    [true, false].flatMap((mirrored) =>
      ([0, 90, 180, 270] as const).map((turn) => [mirrored, turn] as const),
    ),
  )("mirrored %j, turned by %i", (mirrored, clockwiseDegrees) => {
    let expected = mirrored ? [1, 0, 3, 2] : [0, 1, 2, 3];
    for (let turn = 0; turn < clockwiseDegrees; turn += 90)
      expected = [3, 0, 1, 2].map((i) => expected[i] ?? -1);
    let corners = [0, 1, 2, 3];
    for (const filter of orientationFilters({ mirrored, clockwiseDegrees })) {
      corners = (MOVES[filter] ?? []).map((i) => corners[i] ?? -1);
    }
    expect(corners).toEqual(expected);
  });
});
