import { expect, it } from "vitest";
import type { ColmapModel } from "./colmap-model.ts";
import { withoutLooseImages } from "./loose-images.ts";
import { lookAt, modelOf } from "./testing/synthetic-model.ts";
import type { Vector3 } from "./vectors.ts";

const UP: Vector3 = [0, 0, 1];
const POINTS = Array.from({ length: 20 }, (_, i): Vector3 => [0.1 * (i % 5), 0, 0.1 * Math.floor(i / 5)]);
const CAMERAS: Vector3[] = [
  [-1, -4, 0],
  [0, -4, 0],
  [1, -4, 0],
  [2, -4, 0],
];

/** @param last the points that the last image sees */
function model(last: number): ColmapModel {
  const whole = modelOf(
    CAMERAS.map((position) => lookAt(position, [0, 0, 0], UP)),
    POINTS,
  );
  const points = whole.points.map((point, index) => {
    return index < last ? point : { ...point, track: point.track.slice(0, -2) };
  });
  return { ...whole, points };
}

it("drops images that hardly any point holds in place", () => {
  const held = withoutLooseImages(model(11));
  expect(held.images.map(({ id }) => id)).toEqual([1, 2, 3]);
  expect(held.points).toHaveLength(POINTS.length);
  expect(held.points.every(({ track }) => !track.filter((_, i) => i % 2 === 0).includes(4))).toBe(true);
});

it("leaves a model as it is where enough points hold each image", () => {
  const whole = model(12);
  expect(withoutLooseImages(whole)).toBe(whole);
});

it("drops what only they held", () => {
  // Points 12 and later are seen by the last two only, of which the last one goes.
  const whole = model(20);
  const points = whole.points.map((point, index) => {
    if (index < 11) return { ...point, track: point.track.slice(0, 6) };
    return { ...point, track: point.track.slice(index < 13 ? 4 : 0, index < 13 ? 8 : 6) };
  });
  const held = withoutLooseImages({ ...whole, points });
  expect(held.images.map(({ id }) => id)).toEqual([1, 2, 3]);
  expect(held.points).toHaveLength(18);
});
