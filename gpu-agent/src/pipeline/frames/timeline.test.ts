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
    ["two pictures at one time", SECONDS, [0, 1, 1, 2], [0, 1, 2, 3]],
    ["missing stamps", SECONDS, [0, 1, null, 3, 4], [0, 1, 2, 3, 4]],
    ["no stamps at all", SECONDS, [null, null, null], [0, 0.04, 0.08]],
    ["no pictures", SECONDS, [], []],
  ])("of %s", (_, clock, stamps, times) => {
    expect([...timeline(stamps, clock)]).toEqual(times);
  });
});
