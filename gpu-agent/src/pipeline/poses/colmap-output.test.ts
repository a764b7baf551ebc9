import { describe, expect, it } from "vitest";
import { parseColmapLine, plainLine } from "./colmap-output.ts";

const GLOG = "I20260101 12:00:00.000000 12345 feature_extraction.cc:254] ";
const OLD_GLOG = "I0101 12:00:00.000000 12345 feature_extraction.cc:254] ";

/** Lines that COLMAP 3.8 printed, and the later forms as its sources have them. */
describe("parseColmapLine", () => {
  it.each([
    // 3.8
    ["Processed file [7/50]", { kind: "step", done: 7, total: 50 }],
    ["  Features:        4141", { kind: "features", count: 4141 }],
    ["  Features:        0", { kind: "features", count: 0 }],
    ["Matching image [12/50] in 2.338s", { kind: "step", done: 12, total: 50 }],
    ["Matching block [1/1, 1/1] in 189.766s", { kind: "step", done: 1, total: 1 }],
    ["Matching block [2/5, 3/5] in 9.766s", { kind: "step", done: 8, total: 25 }],
    ["Matching block [3/7] in 0.9s", { kind: "step", done: 3, total: 7 }],
    ["Registering image #22 (22)", { kind: "registered", count: 22 }],
    ["Global bundle adjustment", { kind: "adjusting" }],
    ["Loading images... 24 in 0.008s (connected 24)", { kind: "connected", count: 24 }],
    ["  => No good initial image pair found.", { kind: "problem", problem: "no_initial_pair" }],
    ["WARNING: No images with matches found in the database.", { kind: "problem", problem: "no_matches" }],
    ["ERROR: failed to create sparse model", { kind: "problem", problem: "other" }],
    [
      "F1123 06:10:04 opengl_utils.cc:56] Check failed: context_.create()",
      { kind: "problem", problem: "gpu" },
    ],
    [
      '*** Aborted at 1700000000 (unix time) try "date -d @1700000000" ***',
      { kind: "problem", problem: "other" },
    ],
    ["ERROR: Failed to parse options - unrecognised option '--x'.", { kind: "problem", problem: "options" }],
    // 3.9 and later
    [`${GLOG}Processed file [1/24]`, { kind: "step", done: 1, total: 24 }],
    [`${GLOG}  Features:        5727 (SIFT)`, { kind: "features", count: 5727 }],
    [`${GLOG}Matching image [3/24]`, { kind: "step", done: 3, total: 24 }],
    [`${GLOG}Processing image [3/24]`, { kind: "step", done: 3, total: 24 }],
    [`${GLOG}Processing block [1/2, 2/2]`, { kind: "step", done: 2, total: 4 }],
    [`${GLOG}Registering image #5 (4)`, { kind: "registered", count: 4 }],
    [`${GLOG}Registering image #5 (num_reg_frames=4)`, { kind: "registered", count: 5 }],
    [`${GLOG}Retriangulation and Global bundle adjustment`, { kind: "adjusting" }],
    [" 24 in 0.008s (connected 23)", { kind: "connected", count: 23 }],
    [`${GLOG} 24 in 0.008s (connected 24, loaded 24)`, { kind: "connected", count: 24 }],
    // with glog 0.4, whose dates have no year
    [`${OLD_GLOG}Processed file [1/24]`, { kind: "step", done: 1, total: 24 }],
    [`${OLD_GLOG}  Features:        5727`, { kind: "features", count: 5727 }],
    [`${OLD_GLOG}Registering image #22 (22)`, { kind: "registered", count: 22 }],
    [
      "E0826 15:58:01.447381 32335 database.cc:1493] SQLite error: database disk image is malformed",
      { kind: "problem", problem: "database" },
    ],
    // where the GPU does not serve
    ...[
      "ERROR: SiftGPU not fully supported",
      "E20250619 20:05:59.568340 14324 feature_extraction.cc:180] Failed to create feature extractor.",
      "E20250619 20:05:59.568340 14324 feature_matching_utils.cc:82] Failed to create feature matcher.",
      "PyramidCU::GenerateFeatureList: no kernel image is available for execution on the device",
      "CuTexImage::BindTexture:\tthe provided PTX was compiled with an unsupported toolchain.",
      "CuTexImage::BindTexture:        an illegal memory access was encountered",
      "MultiplyDescriptor:\tout of memory",
      "ERROR: Not enough GPU memory to match 12000 features. Reduce the maximum number of matches.",
      "ERROR: Cannot use Sift GPU without CUDA or OpenGL support; set SiftExtraction.use_gpu to false.",
      "PC: @     0x7f84c3ccbbf8 QOpenGLContext::create()",
      "This application failed to start because no Qt platform plugin could be initialized.",
    ].map((line): [string, object] => [line, { kind: "problem", problem: "gpu" }]),
    ["SQLite error [database.cc, line 270]: database is locked", { kind: "problem", problem: "database" }],
    ["  ERROR: Failed to extract features.", { kind: "problem", problem: "other" }],
    [`${GLOG}Darkness adaptivity only available for GLSL SiftGPU.`, null],
    [`\u001b[32m${GLOG}\u001b[0mProcessed file [1/24]`, { kind: "step", done: 1, total: 24 }],
    [
      `${GLOG}Discarding reconstruction due to no initial pair`,
      { kind: "problem", problem: "no_initial_pair" },
    ],
    [
      "E20260101 12:00:00.000000 12345 sfm.cc:300] failed to create any sparse model",
      { kind: "problem", problem: "other" },
    ],
    [
      "E20260101 12:00:00.000000 1 feature.cc:1] Feature matching failed. This probably caused by insufficient GPU memory",
      { kind: "problem", problem: "gpu" },
    ],
    // nothing
    ["  Name:            frame_00001.jpg", null],
    [
      "   0  5.567120e+02    0.00e+00    2.66e+05   0.00e+00   0.00e+00  1.00e+04        0    2.68e-03    4.62e-03",
      null,
    ],
    ["  => Image sees 3005 / 4351 points", null],
    ["Elapsed time: 0.242 [minutes]", null],
    ["Sequential feature matching", null],
    [`${GLOG}Creating SIFT GPU feature extractor`, null],
    ["", null],
  ])("%j", (line, event) => expect(parseColmapLine(line)).toEqual(event));
});

it("plainLine leaves the words", () => {
  expect(plainLine(`\u001b[33m${GLOG}some words\u001b[0m`)).toBe("some words");
  expect(plainLine("some words")).toBe("some words");
});
