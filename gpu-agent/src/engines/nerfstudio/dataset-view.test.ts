import { describe, expect, it } from "vitest";
import { tinyTransforms } from "../testing/tiny-dataset.ts";
import { datasetView } from "./dataset-view.ts";

describe("datasetView", () => {
  const transforms = tinyTransforms();

  it("names all files by absolute paths and leaves the poses as they are", () => {
    expect(datasetView(transforms, { dir: "/jobs/1/poses" }, true)).toMatchObject({
      w: 160,
      k1: 0.01,
      frames: transforms.frames.map((frame) => ({ ...frame, file_path: `/jobs/1/poses/${frame.file_path}` })),
      train_filenames: transforms.train_filenames.map((file) => `/jobs/1/poses/${file}`),
      val_filenames: ["/jobs/1/poses/images/frame_00009.jpg", "/jobs/1/poses/images/frame_00010.jpg"],
      test_filenames: ["/jobs/1/poses/images/frame_00009.jpg", "/jobs/1/poses/images/frame_00010.jpg"],
      ply_file_path: "/jobs/1/poses/sparse_pc.ply",
    });
  });

  it("keeps nerfstudio from scaling the points twice", () => {
    expect(transforms.applied_scale).not.toBe(1);
    expect(datasetView(transforms, { dir: "/d" }, true)).not.toHaveProperty("applied_scale");
  });

  it("has no points when the model is only loaded", () => {
    expect(datasetView(transforms, { dir: "/d" }, false)).not.toHaveProperty("ply_file_path");
  });
});
