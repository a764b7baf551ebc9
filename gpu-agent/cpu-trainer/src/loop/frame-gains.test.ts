import { expect, it } from "vitest";
import type { Rgb } from "../dataset/exposure.ts";
import { withMovedGain } from "./frame-gains.ts";

const gains: readonly Rgb[] = [
  [0.5, 1, 1],
  [2, 1, 1],
  [1, 1, 1],
];

it("moves a frame's gain towards the photo", () => {
  const moved = withMovedGain(gains, 1, [1.5, 0.5, 1]);
  const ratio = (channel: 0 | 1 | 2) => (moved[1]?.[channel] ?? 0) / (moved[2]?.[channel] ?? 0);
  expect(ratio(0)).toBeGreaterThan(2);
  expect(ratio(0)).toBeLessThan(3);
  expect(ratio(1)).toBeLessThan(1);
  expect(ratio(2)).toBe(1);
});

it("keeps the geometric mean of each channel at 1", () => {
  let moved = gains;
  for (let step = 0; step < 50; step++) moved = withMovedGain(moved, step % 3, [1.2, 0.9, 1]);
  for (const channel of [0, 1, 2] as const) {
    expect(moved.reduce((product, gain) => product * gain[channel], 1)).toBeCloseTo(1, 9);
  }
});
