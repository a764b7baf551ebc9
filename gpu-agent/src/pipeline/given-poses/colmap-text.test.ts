import { describe, expect, it } from "vitest";
import { readCamerasText, readImagesText, readPointsText } from "./colmap-text.ts";

describe("a COLMAP model as text", () => {
  it("has cameras", () => {
    expect(
      readCamerasText("# Camera list\n1 PINHOLE 640 480 500 501 320 240\n7 SIMPLE_RADIAL 10 20 9 5 10 0.1\n"),
    ).toEqual({
      ok: true,
      value: new Map([
        [1, { id: 1, model: 1, width: 640, height: 480, params: [500, 501, 320, 240] }],
        [7, { id: 7, model: 2, width: 10, height: 20, params: [9, 5, 10, 0.1] }],
      ]),
    });
  });

  it("has images, with features or without", () => {
    const text = "# Image list\n1 1 0 0 0 1 2 3 1 a b.jpg\n10.5 20.5 -1 30 40 7\n2 0 1 0 0 4 5 6 1 c.jpg\n\n";
    expect(readImagesText(text)).toEqual({
      ok: true,
      value: [
        {
          id: 1,
          cameraId: 1,
          name: "a b.jpg",
          quaternion: [1, 0, 0, 0],
          translation: [1, 2, 3],
          features: Float64Array.of(10.5, 20.5, 30, 40),
        },
        {
          id: 2,
          cameraId: 1,
          name: "c.jpg",
          quaternion: [0, 1, 0, 0],
          translation: [4, 5, 6],
          features: new Float64Array(),
        },
      ],
    });
  });

  it("has points", () => {
    expect(readPointsText("# 3D points\n9 1 2 3 255 0 300 0.5 1 0 2 4\n")).toEqual({
      ok: true,
      value: [{ position: [1, 2, 3], colour: [255, 0, 255], error: 0.5, track: Uint32Array.of(1, 0, 2, 4) }],
    });
  });

  it.each([
    ["a fisheye camera", readCamerasText("1 OPENCV_FISHEYE 640 480 1 1 1 1 0 0 0 0")],
    ["too few parameters", readCamerasText("1 PINHOLE 640 480 500")],
    ["a size that is none", readCamerasText("1 PINHOLE 0 480 500 501 320 240")],
    ["no name", readImagesText("1 1 0 0 0 1 2 3 1\n")],
    ["half a feature", readImagesText("1 1 0 0 0 1 2 3 1 a.jpg\n10 20\n")],
    ["half an observation", readPointsText("9 1 2 3 1 1 1 0.5 1 0 2\n")],
  ])("is refused with %s", (_, result) => {
    expect(result.ok).toBe(false);
  });
});
