import { describe, expect, it } from "vitest";
import { findDataset, imageFinder } from "./find-dataset.ts";

const find = (...paths: string[]) => findDataset(new Map(paths.map((path, i) => [i, path])));

describe("findDataset", () => {
  it.each([
    ["nothing", ["images/1.jpg", "my-transforms.json", "sparse/0/cameras.bin"], null],
    ["transforms.json", ["a/deep/transforms.json", "fox/transforms.json"], { kind: "transforms", file: 1 }],
    [
      "transforms.json before a COLMAP model",
      ["sparse/0/cameras.bin", "sparse/0/images.bin", "s/transforms.json"],
      { kind: "transforms", file: 2 },
    ],
    [
      "the first model, without points",
      ["s/sparse/1/cameras.bin", "s/sparse/1/images.bin", "s/sparse/0/images.bin", "s/sparse/0/cameras.bin"],
      { kind: "colmap", format: "bin", cameras: 3, images: 2, points: null },
    ],
    [
      "a model as text",
      ["cameras.txt", "images.txt", "points3D.txt"],
      { kind: "colmap", format: "txt", cameras: 0, images: 1, points: 2 },
    ],
  ] as const)("finds %s", (_, paths, expected) => {
    expect(find(...paths)).toEqual(expected);
  });
});

describe("imageFinder", () => {
  const finder = imageFinder("fox/", [
    "fox/images/0001.jpg",
    "fox/images_4/0001.jpg",
    "fox/images/left/0002.jpg",
    "fox/images/right/0002.jpg",
    "fox/train/r_0.png",
    "other/0003.jpg",
    "another/0003.jpg",
    "fox/images/F\u00fcchse 1.jpg".normalize("NFD"),
  ]);

  it.each([
    ["./images/0001.jpg", "fox/images/0001.jpg"],
    ["images_4/0001.jpg", "fox/images_4/0001.jpg"],
    ["./train/r_0", "fox/train/r_0.png"],
    // As COLMAP names them.
    ["0001.jpg", "fox/images/0001.jpg"],
    ["left\\0002.jpg", "fox/images/left/0002.jpg"],
    ["../other/0003.jpg", "other/0003.jpg"],
    ["images/F\u00fcchse 1.jpg", "fox/images/F\u00fcchse 1.jpg".normalize("NFD")],
    // Of the machine that made the dataset.
    ["/home/me/scene/left/0002.jpg", "fox/images/left/0002.jpg"],
    ["C:\\scene\\images\\0001.jpg", "fox/images/0001.jpg"],
    ["/home/me/scene/0002.jpg", null],
    ["Images/0001.JPG", "fox/images/0001.jpg"],
    ["middle/0001.jpg", null],
    ["0002.jpg", null],
    ["0003.jpg", null],
    ["0004.jpg", null],
    ["../../../etc/passwd", null],
    ["/etc/passwd", null],
  ])("finds %s", (name, path) => {
    expect(finder(name)).toBe(path);
  });
});
