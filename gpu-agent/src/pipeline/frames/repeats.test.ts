import { describe, expect, it } from "vitest";
import { blockMeans, isRepeat } from "./repeats.ts";

const SIZE = { width: 100, height: 60 };

function picture(level: (x: number, y: number) => number) {
  const grey = Uint8Array.from({ length: SIZE.width * SIZE.height }, (_, i) =>
    level(i % SIZE.width, Math.floor(i / SIZE.width)),
  );
  return blockMeans(grey, SIZE);
}

/** Edges of moderate contrast, softened as cameras do, moved by a fraction of a pixel. */
const scene = (shift: number) => (x: number, y: number) =>
  128 + 60 * Math.sin((x + shift) / 3) * Math.cos((y + shift) / 4);
const noisy = (level: (x: number, y: number) => number, seed: number) => (x: number, y: number) =>
  level(x, y) + ((x * 31 + y * 17 + seed * 101) % 5) - 2;

describe("isRepeat", () => {
  it.each([
    ["the same picture", scene(0), scene(0), true],
    ["the same picture, encoded twice", noisy(scene(0), 1), noisy(scene(0), 2), true],
    ["a camera that moved by a pixel", scene(0), scene(1), false],
    [
      "one corner that changed",
      scene(0),
      (x: number, y: number) => (x < 8 && y < 8 ? 255 : scene(0)(x, y)),
      false,
    ],
    ["a shade that changed", () => 100, () => 102, false],
  ])("%s: %j", (_, a, b, repeated) => expect(isRepeat(picture(a), picture(b))).toBe(repeated));
});
