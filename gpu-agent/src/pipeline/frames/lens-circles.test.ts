import { expect, it } from "vitest";
import { LensCircles } from "./lens-circles.ts";

/** Circles of a diameter, as a share of the height, on another level. */
function circles(width: number, height: number, diameter: number, inside = 120, outside = 18): Uint8Array {
  const count = Math.max(1, Math.round(width / height));
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [((i % width) + 0.5) % (width / count), Math.floor(i / width) + 0.5];
    const radius = Math.hypot(x - width / count / 2, y - height / 2);
    return radius < (diameter * height) / 2 ? inside : outside;
  });
}

it.each([
  ["a circle", 200, 200, circles(200, 200, 0.98), 1],
  ["a circle that is cut at the sides", 200, 200, circles(200, 200, 1.15), 1],
  ["two circles side by side", 400, 200, circles(400, 200, 1), 2],
  ["a picture of 16:9 with a circle", 320, 180, circles(320, 180, 1), 0],
  ["a bright picture", 400, 200, circles(400, 200, 3), 0],
  ["a dark picture with a lamp", 200, 200, circles(200, 200, 0.3), 0],
  ["a night scene", 400, 200, circles(400, 200, 1, 30), 0],
  ["circles on white", 400, 200, circles(400, 200, 1, 120, 250), 0],
  ["a third circle", 600, 200, circles(600, 200, 1), 0],
])("counts the lenses of %s", (_, width, height, picture, expected) => {
  const found = new LensCircles({ width, height });
  found.add(picture);
  expect(found.count()).toBe(expected);
});

it("sees what lights up in other pictures", () => {
  const found = new LensCircles({ width: 200, height: 200 });
  found.add(circles(200, 200, 0.98));
  found.add(circles(200, 200, 3));
  expect(found.count()).toBe(0);
});
