import { describe, expect, it } from "vitest";
import {
  colmap,
  type Files,
  IDENTITY,
  images,
  MODEL,
  NAMES,
  take,
  transforms,
} from "./testing/dataset-files.ts";

/** Datasets whose numbers are those of no camera; take-dataset.test.ts has one of each kind. */

describe("a dataset with poses", () => {
  const spoiled = (change: object) => ({ ...MODEL, ...change });
  it.each<[string, string, RegExp, () => Files]>([
    [
      "has images of another shape",
      "dataset_unreadable",
      /320×240 pixels, and its camera 240×320/,
      () => ({ ...images("fox/images/"), ...transforms({ w: 240, h: 320 }) }),
    ],
    [
      "has a focal length that no lens has",
      "dataset_unreadable",
      /focal length/,
      () => ({ ...images("fox/images/"), ...transforms({ fl_x: 1e7 }) }),
    ],
    [
      "has an optical axis outside the picture",
      "dataset_unreadable",
      /optical axis/,
      () => ({ ...images("fox/images/"), ...transforms({ cx: 1e9 }) }),
    ],
    [
      "has a distortion of another unit",
      "dataset_unreadable",
      /distortion that tears/,
      () => ({ ...images("fox/images/"), ...transforms({ k1: 1e6 }) }),
    ],
    [
      "has one pose for all images",
      "dataset_unreadable",
      /different poses/,
      () => ({
        ...images("fox/images/"),
        ...transforms({
          frames: NAMES.map((name) => ({ file_path: `images/${name}`, transform_matrix: IDENTITY })),
        }),
      }),
    ],
    [
      "has one image twice",
      "dataset_unreadable",
      /has two poses/,
      () => ({ ...images("fox/images/"), ...transforms({}, [...NAMES, NAMES[0] ?? ""]) }),
    ],
    [
      "has a quaternion that is none",
      "dataset_unreadable",
      /pose/,
      () => ({
        ...images("images/"),
        ...colmap(
          "",
          spoiled({ images: MODEL.images.map((image) => ({ ...image, quaternion: [0, 0, 0, 0] })) }),
        ),
      }),
    ],
    [
      "has a pose that is not finite",
      "dataset_unreadable",
      /no finite pose/,
      () => ({
        ...images("images/"),
        ...colmap(
          "",
          spoiled({ images: MODEL.images.map((image) => ({ ...image, translation: [Number.NaN, 0, 0] })) }),
        ),
      }),
    ],
  ])("is refused when it %s", async (_, code, detail, files) => {
    expect(await take(files())).toMatchObject({
      ok: false,
      error: { code, detail: expect.stringMatching(detail) },
    });
  });
});
