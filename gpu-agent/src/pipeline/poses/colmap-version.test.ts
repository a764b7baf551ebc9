import { describe, expect, it } from "vitest";
import { dialectOf, parseColmapHelp, versionText } from "./colmap-version.ts";

describe("parseColmapHelp", () => {
  it.each([
    [
      "COLMAP 3.8 -- Structure-from-Motion and Multi-View Stereo\n              (Commit Unknown on Unknown without CUDA)\n",
      { major: 3, minor: 8, patch: 0, cuda: false },
    ],
    [
      "COLMAP 3.9.1 -- Structure-from-Motion and Multi-View Stereo\n(Commit f33f1d0 on 2024-01-08 with CUDA)",
      { major: 3, minor: 9, patch: 1, cuda: true },
    ],
    [
      "qt warning\nCOLMAP 4.1.1 (Commit 1a2b on 2026-07-17 with CUDA)",
      { major: 4, minor: 1, patch: 1, cuda: true },
    ],
    [
      "COLMAP 4.2.1 (Commit Unknown on Unknown without GPU support, std hash maps)",
      { major: 4, minor: 2, patch: 1, cuda: false },
    ],
    [
      "COLMAP 3.10-dev -- Structure-from-Motion and Multi-View Stereo\n(Commit Unknown on Unknown without CUDA)",
      { major: 3, minor: 10, patch: 0, cuda: false },
    ],
    ["COLMAP 3.13.0.dev0 (without CUDA)", { major: 3, minor: 13, patch: 0, cuda: false }],
  ])("%j", (help, version) => expect(parseColmapHelp(help)).toEqual(version));

  it.each(["", "colmap: command not found", "Usage:\n  colmap [command]"])("%j is not COLMAP", (help) => {
    expect(parseColmapHelp(help)).toBeNull();
  });
});

it("versionText leaves out a patch of 0", () => {
  expect(versionText({ major: 3, minor: 8, patch: 0, cuda: false })).toBe("3.8");
  expect(versionText({ major: 4, minor: 1, patch: 1, cuda: true })).toBe("4.1.1");
});

describe("dialectOf", () => {
  const SIFT = ["SiftExtraction", "SiftMatching", "SiftExtraction.max_image_size"];
  it.each([
    [3, 7, [...SIFT, "Mapper.ba_global_images_ratio", 0]],
    [3, 8, [...SIFT, "Mapper.ba_global_images_ratio", 0]],
    [3, 9, [...SIFT, "Mapper.ba_global_images_ratio", 0]],
    [3, 11, [...SIFT, "Mapper.ba_global_images_ratio", 0]],
    [3, 12, [...SIFT, "Mapper.ba_global_frames_ratio", 0]],
    [
      3,
      13,
      [
        "FeatureExtraction",
        "FeatureMatching",
        "SiftExtraction.max_image_size",
        "Mapper.ba_global_frames_ratio",
        0,
      ],
    ],
    [
      4,
      0,
      [
        "FeatureExtraction",
        "FeatureMatching",
        "FeatureExtraction.max_image_size",
        "Mapper.ba_global_frames_ratio",
        4,
      ],
    ],
    [
      4,
      1,
      [
        "FeatureExtraction",
        "FeatureMatching",
        "FeatureExtraction.max_image_size",
        "Mapper.ba_global_frames_ratio",
        4,
      ],
    ],
    [
      5,
      0,
      [
        "FeatureExtraction",
        "FeatureMatching",
        "FeatureExtraction.max_image_size",
        "Mapper.ba_global_frames_ratio",
        4,
      ],
    ],
  ])("%i.%i", (major, minor, expected) => {
    const dialect = dialectOf({ major, minor });
    const { extraction, matching, maxImageSize, globalRatio, logging } = dialect;
    expect([extraction, matching, maxImageSize, globalRatio, logging.length]).toEqual(expected);
  });
});
