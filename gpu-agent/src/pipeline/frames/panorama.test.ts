import { describe, expect, it } from "vitest";
import { PanoramaDetector } from "./panorama.ts";

type Level = (x: number, y: number) => number;

function found(level: Level, width = 400, height = 200): boolean {
  const detector = new PanoramaDetector({ width, height });
  const grey = Uint8Array.from({ length: width * height }, (_, i) => level(i % width, Math.floor(i / width)));
  for (let picture = 0; picture < 3; picture++) detector.add(grey);
  return detector.found();
}

/** A world around the camera: what is seen in each direction, by longitude and latitude. */
const around: Level = (x, y) => {
  const [longitude, latitude] = [(x / 400) * 2 * Math.PI, ((y + 0.5) / 200 - 0.5) * Math.PI];
  return 128 + 60 * Math.cos(latitude) * Math.sin(3 * longitude) + 60 * Math.sin(latitude);
};
const flat: Level = (x, y) => 128 + 100 * Math.sin(x / 37) * Math.cos(y / 23);

describe("PanoramaDetector", () => {
  it.each([
    ["a view all around", around, 400, 200, true],
    ["the same in another shape", around, 400, 225, false],
    ["a flat picture twice as wide as high", flat, 400, 200, false],
    [
      "an object before a plain background",
      ((x, y) => ((x - 200) ** 2 + (y - 100) ** 2 < 2500 ? flat(x, y) : 20)) as Level,
      400,
      200,
      false,
    ],
    ["nothing at all", (() => 0) as Level, 400, 200, false],
  ])("%s: %j", (_, level, width, height, expected) => expect(found(level, width, height)).toBe(expected));
});
