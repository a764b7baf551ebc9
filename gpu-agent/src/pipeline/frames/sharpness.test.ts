import { describe, expect, it } from "vitest";
import { sharpest, sharpnessOf } from "./sharpness.ts";

const SIZE = { width: 32, height: 24 };

/** Stripes whose edges are `blur` pixels wide. */
function stripes(blur: number, offset = 0): Uint8Array {
  return Uint8Array.from({ length: SIZE.width * SIZE.height }, (_, i) => {
    const phase = ((i % SIZE.width) + offset) % 16;
    const distance = Math.min(Math.abs(phase - 4), Math.abs(phase - 12));
    const inside = phase > 4 && phase < 12 ? 1 : -1;
    return 128 + 100 * inside * Math.min(1, distance / blur);
  });
}

describe("sharpnessOf", () => {
  it("is nothing without detail, also where brightness only rises evenly", () => {
    expect(sharpnessOf(new Uint8Array(768).fill(77), SIZE)).toBe(0);
    expect(
      sharpnessOf(
        Uint8Array.from({ length: 768 }, (_, i) => 3 * (i % 32)),
        SIZE,
      ),
    ).toBe(0);
  });

  it("falls with blur, not with movement", () => {
    const scores = [1, 2, 3, 4].map((blur) => sharpnessOf(stripes(blur), SIZE));
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    expect(scores[0]).toBeGreaterThan(4 * (scores[3] ?? 0));
    expect(sharpnessOf(stripes(2, 16), SIZE)).toBe(scores[1]);
  });
});

describe("sharpest", () => {
  it.each([
    ["the sharpest", [1, 3, 2], 1],
    ["the first of equals", [3, 3, 3], 0],
    ["the first where no other is clearly sharper", [10, 12.4, 10.5], 0],
    ["another that is", [10, 12.6, 10.5], 1],
    ["the only one", [5], 0],
  ])("takes %s", (_, scores, chosen) => expect(sharpest(scores)).toBe(chosen));
});
