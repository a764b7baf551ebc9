import { describe, expect, it } from "vitest";
import { BarDetector, enlarge } from "./bars.ts";

const SIZE = { width: 200, height: 120 };

/** Finds the bars of pictures, given by the level of each pixel. */
function find(level: (x: number, y: number, picture: number) => number) {
  const detector = new BarDetector(SIZE);
  for (let picture = 0; picture < 8; picture++) {
    detector.add(
      Uint8Array.from({ length: SIZE.width * SIZE.height }, (_, i) =>
        level(i % SIZE.width, Math.floor(i / SIZE.width), picture),
      ),
    );
  }
  return detector.find();
}

/** A scene with detail that moves. */
const scene = (x: number, y: number, picture: number) => 60 + ((x * 7 + y * 13 + picture * 37) % 150);
const noise = (x: number, y: number, picture: number) => (x * 31 + y * 17 + picture * 7) % 6;

describe("BarDetector", () => {
  it.each([
    [
      "letterbox",
      (x: number, y: number, p: number) => (y < 20 || y >= 100 ? noise(x, y, p) : scene(x, y, p)),
      { left: 0, top: 21, width: 200, height: 78 },
    ],
    [
      "pillarbox",
      (x: number, y: number, p: number) => (x < 50 || x >= 150 ? noise(x, y, p) : scene(x, y, p)),
      { left: 51, top: 0, width: 98, height: 120 },
    ],
    [
      "both",
      (x: number, y: number, p: number) => (x < 50 || x >= 150 || y < 20 || y >= 100 ? 16 : scene(x, y, p)),
      { left: 51, top: 21, width: 98, height: 78 },
    ],
    [
      "one black border below, drawn",
      (x: number, y: number, p: number) => (y >= 100 ? 0 : scene(x, y, p)),
      { left: 0, top: 0, width: 200, height: 99 },
    ],
    [
      "white borders, drawn",
      (x: number, y: number, p: number) => (x < 20 || x >= 180 ? 255 : scene(x, y, p)),
      { left: 21, top: 0, width: 158, height: 120 },
    ],
  ])("finds %s", (_, level, rectangle) => expect(find(level)).toEqual(rectangle));

  it.each([
    ["a plain scene", scene],
    ["black pictures", () => 0],
    [
      "a dark sky over a skyline",
      (x: number, y: number, p: number) => (y < 40 + 30 * Math.sin(x / 20) ? 2 : scene(x, y, p)),
    ],
    [
      "a dark ceiling that is filmed, on one side",
      (x: number, y: number, p: number) => (y < 30 ? noise(x, y, p) : scene(x, y, p)),
    ],
    [
      "an overexposed window on one side",
      (x: number, y: number, p: number) => (x < 60 ? 255 : scene(x, y, p)),
    ],
    [
      "bars in most pictures only",
      (x: number, y: number, p: number) => (p < 7 && (y < 20 || y >= 100) ? 0 : scene(x, y, p)),
    ],
    ["a thin border", (x: number, y: number, p: number) => (y < 1 || y >= 119 ? 0 : scene(x, y, p))],
    [
      "an object before black",
      (x: number, y: number, p: number) => ((x - 100) ** 2 + (y - 60) ** 2 < 900 ? scene(x, y, p) : 0),
    ],
  ])("leaves %s alone", (_, level) => expect(find(level)).toBeNull());
});

describe("enlarge", () => {
  it.each([
    [
      { left: 0, top: 21, width: 200, height: 78 },
      { width: 1920, height: 1152 },
      { left: 0, top: 202, width: 1920, height: 748 },
    ],
    [
      { left: 51, top: 0, width: 98, height: 120 },
      { width: 200, height: 120 },
      { left: 52, top: 0, width: 96, height: 120 },
    ],
  ])("%j within %j", (found, full, expected) => expect(enlarge(found, SIZE, full)).toEqual(expected));
});
