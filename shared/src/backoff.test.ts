import { describe, expect, it } from "vitest";
import { fullJitterMs } from "./backoff.ts";

const WINDOW = { minMs: 1000, maxMs: 60_000 };

describe("fullJitterMs", () => {
  it.each([
    [0, 1, 1000],
    [1, 1, 2000],
    [3, 0.5, 4000],
    [6, 1, 60_000],
    [1000, 1, 60_000],
    [5, 0, 100],
  ])("try %i, random %f: %i ms", (tries, random, expected) => {
    expect(fullJitterMs(tries, WINDOW, () => random)).toBe(expected);
  });
});
