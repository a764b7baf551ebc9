import { expect, it } from "vitest";
import { shareFrames } from "./share-frames.ts";

it.each<[wanted: number[], shares: number[]]>([
  [
    [50, 40],
    [60, 50],
  ],
  [
    [100, 0],
    [100, 0],
  ],
  // In proportion beyond 8 each.
  [
    [150, 50],
    [72, 27],
  ],
  // A short one is not crowded out.
  [
    [10_000, 6],
    [94, 6],
  ],
  [
    [300, 300, 300, 3],
    [32, 32, 32, 3],
  ],
  // More parts than frames for each of them.
  [Array(20).fill(50), Array(20).fill(5)],
])("shares 100 frames among parts that want %j", (wanted, shares) => {
  expect(shareFrames(wanted, 100, 8)).toEqual(shares);
});
