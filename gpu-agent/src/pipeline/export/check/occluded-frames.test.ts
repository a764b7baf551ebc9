import { describe, expect, it } from "vitest";
import { project } from "../../poses/camera-models.ts";
import type { ColmapModel } from "../../poses/colmap-model.ts";
import { inCamera, viewsById } from "../../poses/observations.ts";
import { ballOfPoints, lookAt, modelOf } from "../../poses/testing/synthetic-model.ts";
import { isOccluded, pointsInCells } from "./occluded-frames.ts";

/** Of the photos and renderings; the model's images are twice as large. */
const SIZE = { width: 320, height: 240 };
const IMAGE = "frame_00003.jpg";

/** Seven views of a ball, `apart` degrees from each other. */
function capture(apart = 5): ColmapModel {
  const poses = Array.from({ length: 7 }, (_, i) => {
    const angle = (i * apart * Math.PI) / 180;
    return lookAt([4 * Math.cos(angle), 4 * Math.sin(angle), 0], [0, 0, 0], [0, 0, 1]);
  });
  return modelOf(poses, ballOfPoints(600, [0, 0, 0], 1));
}

/** The same, without the left half of the scene in one image: something hides it there. */
function halfHidden(model: ColmapModel): ColmapModel {
  const id = model.images.find(({ name }) => name === IMAGE)?.id ?? 0;
  const view = viewsById(model).get(id);
  const points = model.points.map((point) => {
    const pixel = view && project(view.lens, inCamera(view, point.position));
    if (!pixel || pixel[0] > view.lens.width / 2) return point;
    const track = Array.from(point.track).filter((_, i, all) => all[i - (i % 2)] !== id);
    return { ...point, track: Uint32Array.from(track) };
  });
  return { ...model, points };
}

/** Grey, and brighter by an amount to the left or the right of the middle. */
function picture(left: number, right: number): Uint8Array {
  return Uint8Array.from({ length: 3 * SIZE.width * SIZE.height }, (_, i) =>
    Math.floor(i / 3) % SIZE.width < SIZE.width / 2 ? 100 + left : 100 + right,
  );
}

const photo = (left: number, right: number) => ({
  pixels: picture(left, right),
  valid: new Uint8Array(SIZE.width * SIZE.height).fill(1),
});

function occluded(model: ColmapModel, left: number, right: number): boolean {
  const points = pointsInCells(model)(IMAGE);
  if (points === null) throw new Error("no such image");
  return isOccluded(points, photo(left, right), picture(0, 0), SIZE);
}

describe("something that hides the scene is", () => {
  it.each([
    ["found where points are missing and the photo has another colour than the splat", 30, 0, true],
    ["not found where the splat has the same colour: it belongs to the scene", 0, 0, false],
    ["not found where the colours differ little", 10, 0, false],
    ["not found where the points are found: the splat is wrong", 0, 30, false],
  ])("%s", (_, left, right, expected) => {
    expect(occluded(halfHidden(capture()), left, right)).toBe(expected);
  });

  it("not found where the views are too far apart to expect the same points", () => {
    expect(occluded(halfHidden(capture(30)), 30, 0)).toBe(false);
  });

  it("not found where the undistorted photo has hardly any pixels", () => {
    const points = pointsInCells(halfHidden(capture()))(IMAGE) ?? [];
    const invalid = { ...photo(30, 0), valid: photo(0, 0).valid.map((_, i) => (i % 10 === 0 ? 1 : 0)) };
    expect(isOccluded(points, invalid, picture(0, 0), SIZE)).toBe(false);
  });

  it("not found in an ordinary image, in which every other point is missing", () => {
    const model = capture();
    const points = model.points.map((point, i) =>
      i % 2 === 0 ? point : { ...point, track: point.track.filter((_, j, all) => all[j - (j % 2)] !== 3) },
    );
    expect(occluded({ ...model, points }, 30, 30)).toBe(false);
  });

  it("not looked for in an image without a camera", () => {
    expect(pointsInCells(capture())("another.jpg")).toBeNull();
  });
});
