import { describe, expect, it } from "vitest";
import { extractFeatures, loopPairs, mapCameras, matchFeatures, matchPairs } from "./colmap-commands.ts";
import { type ColmapDialect, dialectOf } from "./colmap-version.ts";
import { finer, firstPass, type PoseSettings, type PoseTask, thorough, withThresholds } from "./settings.ts";
import { COLMAP_OPTIONS } from "./testing/colmap-options.ts";

const PATHS = { database: "/w/database.db", images: "/d/images", sparse: "/w/sparse", pairs: "/w/pairs.txt" };
const TASK = {
  preset: "standard",
  frames: 50,
  unordered: false,
  width: 540,
  height: 960,
  gpu: false,
  cores: 2,
} as const;
const CAMERA = { width: 540, height: 960, focal: null, list: null };
const STANDARD = firstPass(TASK);
const CPU = { gpu: false, threads: null };
const GPU = { gpu: true, threads: 8 };

describe("COLMAP 3.8", () => {
  const dialect = dialectOf({ major: 3, minor: 8 });

  it("extracts the features of one of several cameras, beginning with its focal length", () => {
    const camera = { ...CAMERA, focal: 712.3456, list: "/w/camera-2.txt" };
    const args = extractFeatures(dialect, STANDARD, PATHS, CPU, camera).join(" ");
    expect(args).toContain("--image_list_path /w/camera-2.txt --ImageReader.single_camera 1");
    expect(args).toContain("--ImageReader.camera_params 712.346,270,480,0");
    const opencv = { ...STANDARD, cameraModel: "OPENCV" } as const;
    expect(extractFeatures(dialect, opencv, PATHS, CPU, camera)).toContain("712.346,712.346,270,480,0,0,0,0");
    // The photos' metadata may be wrong, so the second pass does without.
    const second = thorough(TASK, STANDARD, { kind: "exhaustive" });
    expect(extractFeatures(dialect, second, PATHS, CPU, camera)).not.toContain("--ImageReader.camera_params");
  });

  it("extracts features", () => {
    expect(extractFeatures(dialect, STANDARD, PATHS, CPU, CAMERA).join(" ")).toBe(
      "feature_extractor --database_path /w/database.db --image_path /d/images --ImageReader.single_camera 1 " +
        "--ImageReader.camera_model SIMPLE_RADIAL --SiftExtraction.max_image_size 1280 " +
        "--SiftExtraction.max_num_features 2048 --SiftExtraction.first_octave 0 --SiftExtraction.use_gpu 0",
    );
  });

  it("matches", () => {
    expect(matchFeatures(dialect, STANDARD, PATHS, CPU).join(" ")).toBe(
      "sequential_matcher --database_path /w/database.db --SequentialMatching.overlap 8 " +
        "--SequentialMatching.quadratic_overlap 1 --SiftMatching.cross_check 0 --SiftMatching.guided_matching 0 " +
        "--SiftMatching.use_gpu 0",
    );
    const exhaustive: PoseSettings = { ...STANDARD, matching: { kind: "exhaustive" } };
    expect(matchFeatures(dialect, exhaustive, PATHS, GPU).join(" ")).toBe(
      "exhaustive_matcher --database_path /w/database.db --ExhaustiveMatching.block_size 10 " +
        "--SiftMatching.cross_check 0 --SiftMatching.guided_matching 0 --SiftMatching.use_gpu 1 " +
        "--SiftMatching.num_threads 8",
    );
    expect(matchPairs(dialect, STANDARD, PATHS, CPU).join(" ")).toBe(
      "matches_importer --database_path /w/database.db --match_list_path /w/pairs.txt --match_type pairs " +
        "--SiftMatching.cross_check 0 --SiftMatching.guided_matching 0 --SiftMatching.use_gpu 0",
    );
  });

  it("maps", () => {
    expect(mapCameras(dialect, STANDARD, PATHS, GPU).join(" ")).toBe(
      "mapper --database_path /w/database.db --image_path /d/images --output_path /w/sparse " +
        "--Mapper.ba_global_images_ratio 1.3 --Mapper.init_num_trials 30 --Mapper.max_num_models 10 --Mapper.min_model_size 5 " +
        "--Mapper.ba_global_points_ratio 1.3 --Mapper.num_threads 8",
    );
  });
});

/** The options that each version has are in option_manager.cc at its tag. */
describe.each([
  [
    3,
    9,
    "SiftExtraction.use_gpu",
    "SiftExtraction.max_image_size",
    "SiftMatching.use_gpu",
    "ba_global_images_ratio",
  ],
  [
    3,
    11,
    "SiftExtraction.use_gpu",
    "SiftExtraction.max_image_size",
    "SiftMatching.use_gpu",
    "ba_global_images_ratio",
  ],
  [
    3,
    12,
    "SiftExtraction.use_gpu",
    "SiftExtraction.max_image_size",
    "SiftMatching.use_gpu",
    "ba_global_frames_ratio",
  ],
  [
    3,
    13,
    "FeatureExtraction.use_gpu",
    "SiftExtraction.max_image_size",
    "FeatureMatching.use_gpu",
    "ba_global_frames_ratio",
  ],
  [
    4,
    0,
    "FeatureExtraction.use_gpu",
    "FeatureExtraction.max_image_size",
    "FeatureMatching.use_gpu",
    "ba_global_frames_ratio",
  ],
  [
    4,
    1,
    "FeatureExtraction.use_gpu",
    "FeatureExtraction.max_image_size",
    "FeatureMatching.use_gpu",
    "ba_global_frames_ratio",
  ],
])("COLMAP %i.%i", (major, minor, extractGpu, maxImageSize, matchGpu, ratio) => {
  const dialect = dialectOf({ major, minor });
  const matchers = [matchFeatures, matchPairs];

  it.each([CPU, GPU])("gives the options that it has, use_gpu always: %j", (hardware) => {
    const gpu = hardware.gpu ? "1" : "0";
    const extract = extractFeatures(dialect, STANDARD, PATHS, hardware, CAMERA).join(" ");
    expect(extract).toContain(`--${extractGpu} ${gpu}`);
    expect(extract).toContain(`--${maxImageSize} 1280`);
    for (const matcher of matchers) {
      const match = matcher(dialect, STANDARD, PATHS, hardware).join(" ");
      expect(match).toContain(`--${matchGpu} ${gpu}`);
      expect(match).toContain(`--${matchGpu.split(".")[0]}.guided_matching 0`);
      expect(match).toContain("--SiftMatching.cross_check 0");
    }
    expect(mapCameras(dialect, STANDARD, PATHS, hardware).join(" ")).toContain(`--Mapper.${ratio} 1.3`);
  });

  it("disables colours and log files in versions that have them", () => {
    const logging = "--log_target stderr --log_color 0";
    expect(mapCameras(dialect, STANDARD, PATHS, CPU).join(" ").includes(logging)).toBe(major >= 4);
  });
});

/** Every command of every pass. */
function allCommands(dialect: ColmapDialect): string[][] {
  const tasks = (["draft", "standard", "high"] as const).flatMap((preset) =>
    [8, 300].flatMap((frames) =>
      [true, false].flatMap((gpu) =>
        [true, false].map((unordered): PoseTask => ({ ...TASK, preset, frames, gpu, unordered })),
      ),
    ),
  );
  return tasks.flatMap((task) => {
    const first = firstPass(task);
    const hardware = { gpu: task.gpu, threads: 4 };
    const careful = thorough(task, first, { kind: "pairs", pairs: [] }, 300);
    const paths = { ...PATHS, input: "/w/sparse/0" };
    return [first, finer(first), withThresholds(first, "relaxed"), careful].flatMap((settings) =>
      [extractFeatures, matchFeatures, matchPairs, mapCameras].map((command) =>
        command(dialect, settings, paths, hardware, { ...CAMERA, focal: 700, list: "/w/camera-1.txt" }),
      ),
    );
  });
}

describe.each(COLMAP_OPTIONS)("COLMAP %i.%i has", (major, minor, options) => {
  it("every option that any pass gives", () => {
    const given = allCommands(dialectOf({ major, minor })).flatMap((args) =>
      args.filter((arg) => arg.startsWith("--")).map((arg) => arg.slice(2)),
    );
    expect([...new Set(given)].filter((name) => !options.includes(name))).toEqual([]);
  });
});

describe("loopPairs", () => {
  const names = Array.from({ length: 10 }, (_, i) => `f${i}`);

  it("pairs frames far apart, and none that the sequence covers", () => {
    expect(loopPairs(names, 3, 4)).toEqual([
      ["f0", "f6"],
      ["f0", "f9"],
      ["f3", "f9"],
    ]);
  });

  it("is empty where all is covered", () => {
    expect(loopPairs(names, 3, 10)).toEqual([]);
    expect(loopPairs([], 3, 1)).toEqual([]);
  });

  it("adds little to a long sequence", () => {
    const long = Array.from({ length: 300 }, (_, i) => `f${i}`);
    const { matching } = firstPass({ ...TASK, frames: 300 });
    if (matching.kind !== "sequential") throw new Error("300 frames are matched in sequence");
    expect(loopPairs(long, matching.loopStride, matching.overlap).length).toBeLessThan(150);
  });
});
