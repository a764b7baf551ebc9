import { describe, expect, it } from "vitest";
import { SharpnessMeter, sharpestOfEach, sharpnessOf } from "./sharpness.ts";

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

describe("sharpestOfEach", () => {
  it.each([
    ["the sharpest", [1, 9, 2, 8, 1, 3], 3, [1, 3]],
    ["the first of equals", [5, 5, 5, 0, 0, 0], 3, [0, 3]],
    ["the first where no other is clearly sharper", [10, 10.9, 10.5], 3, [0]],
    ["another that is", [10, 10.9, 11.1], 3, [2]],
    ["all of windows of one", [3, 1, 2], 1, [0, 1, 2]],
    ["the sharpest of a short last window", [9, 1, 1, 2, 4], 3, [0, 4]],
    ["nothing of nothing", [], 3, []],
  ])("takes %s", (_, scores, perFrame, chosen) => {
    expect(sharpestOfEach(scores, perFrame)).toEqual(chosen);
  });
});

it("SharpnessMeter finds the pictures in a stream, however it is cut", () => {
  const pictures = [stripes(1), stripes(4), stripes(2)];
  const stream = Buffer.concat([...pictures, Buffer.alloc(100)]);
  for (const step of [1, 767, 768, 769, 5000]) {
    const meter = new SharpnessMeter(SIZE);
    for (let at = 0; at < stream.length; at += step) meter.push(stream.subarray(at, at + step));
    expect(meter.scores).toEqual(pictures.map((picture) => sharpnessOf(picture, SIZE)));
  }
});
