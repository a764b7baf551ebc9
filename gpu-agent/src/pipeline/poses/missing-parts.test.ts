import { describe, expect, it } from "vitest";
import { enumerated, missingStretches, stretchText } from "./missing-parts.ts";

const NAMES = ["a", "b", "c", "d", "e", "f"];
// Frames that repeat the one before are left out, so the times are not even.
const FILM = { video: null, names: NAMES, times: [2, 2.5, 3, 6.125, 6.5, 7] };

describe("the missing stretches", () => {
  it.each([
    ["abcdef", []],
    [
      "acf",
      [
        [2.5, 3, 1],
        [6.13, 7, 2],
      ],
    ],
    ["abc", [[6.13, null, 3]]],
    ["cdef", [[2, 3, 2]]],
    ["", [[2, null, 6]]],
  ] as const)("of a video with %j placed are %j", (placed, expected) => {
    const found = missingStretches([FILM], new Set(placed));
    expect(found).toEqual(expected.map(([from_sec, to_sec, frames]) => ({ from_sec, to_sec, frames })));
  });

  it("of several videos end with each, and are named", () => {
    const films = [
      { video: "one.mp4", names: ["a", "b"], times: [0, 1] },
      { video: "two.mp4", names: ["c", "d"], times: [0, 1] },
    ];
    expect(missingStretches(films, new Set("ad"))).toEqual([
      { video: "one.mp4", from_sec: 1, to_sec: null, frames: 1 },
      { video: "two.mp4", from_sec: 0, to_sec: 1, frames: 1 },
    ]);
  });

  it("are the longest when they are many", () => {
    const names = Array.from({ length: 100 }, (_, i) => String(i));
    const placed = new Set(names.filter((_, i) => i % 2 === 0 && i !== 50));
    const found = missingStretches([{ video: null, names, times: names.map(Number) }], placed);
    expect(found).toHaveLength(16);
    expect(found).toContainEqual({ from_sec: 49, to_sec: 52, frames: 3 });
  });
});

it("stretches and lists are put into words", () => {
  expect(stretchText({ from_sec: 1, to_sec: 2.25, frames: 5 })).toBe("from 1.0 s to 2.3 s");
  expect(stretchText({ from_sec: 1, to_sec: null, frames: 5 })).toBe("from 1.0 s to the end");
  expect([[], ["a"], ["a", "b"], ["a", "b", "c"]].map(enumerated)).toEqual([
    "",
    "a",
    "a and b",
    "a, b and c",
  ]);
});
