import { describe, expect, it } from "vitest";
import { timeline } from "./timeline.ts";

const SECONDS = { unit: 1, jumps: false };
const TRANSPORT = { unit: 1, jumps: true };

describe("timeline", () => {
  it.each([
    ["an even pace", SECONDS, [5, 6, 7, 8], [0, 1, 2, 3]],
    ["a variable pace", SECONDS, [0, 1, 2, 60, 61], [0, 1, 2, 60, 61]],
    ["a clock that restarts", SECONDS, [10, 11, 12, 10, 11], [0, 1, 2, 3, 4]],
    ["a clock that jumps", TRANSPORT, [0, 1, 2, 1000, 1001], [0, 1, 2, 3, 4]],
    ["a clock that wraps", TRANSPORT, [95440, 95441, 95442, 0, 1], [0, 1, 2, 3, 4]],
    ["a pause in a transport stream", TRANSPORT, [0, 1, 2, 9, 10], [0, 1, 2, 9, 10]],
    ["a slow transport stream", TRANSPORT, [0, 15, 30, 45], [0, 15, 30, 45]],
    ["clips of different paces", SECONDS, [0, 4, 8, 0, 1, 2, 3, 4], [0, 4, 8, 12, 13, 14, 15, 16]],
    ["a clip after a pause", SECONDS, [0, 1, 2, 3, 60, 0, 1], [0, 1, 2, 3, 60, 61, 62]],
    ["two pictures at one time", SECONDS, [0, 1, 1, 2], [0, 1, 1.5, 2]],
    ["pairs of pictures at one time", SECONDS, [0, 0, 2, 2, 4, 4], [0, 1, 2, 3, 4, 5]],
    ["missing stamps", SECONDS, [0, 1, null, 3, 4], [0, 1, 2, 3, 4]],
    ["missing stamps in a wide gap", SECONDS, [0, 1, null, null, 10, 11], [0, 1, 4, 7, 10, 11]],
    ["one stamp for all pictures", SECONDS, [5, 5, 5], [0, 0.04, 0.08]],
    ["no stamps at the end", SECONDS, [0, 1, null, null], [0, 1, 2, 3]],
    ["no stamps at all", SECONDS, [null, null, null], [0, 0.04, 0.08]],
    ["no pictures", SECONDS, [], []],
  ])("of %s", (_, clock, stamps, times) => {
    expect([...timeline(stamps, clock)]).toEqual(times);
  });
});
