import { JobOptions } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { initialSize, type JobSize, workGroup, workUnits } from "./job-size.ts";
import { sizeAfter } from "./size-after.ts";

const OPTIONS = JobOptions.parse({ iterations: 2000, preset: "high" });
const KNOWN: JobSize = {
  ...initialSize("nerfstudio", OPTIONS, 5e6),
  frames: 90,
  pixels: 1e6,
  gaussians: 3e5,
  resultBytes: 8e7,
};

describe("initialSize", () => {
  it("knows the number of frames when the range is given", () => {
    const options = JobOptions.parse({ fps: 2, start_sec: 5, end_sec: 25 });
    expect(initialSize("builtin", options, null)).toMatchObject({ frames: 40, sourceBytes: null });
    expect(initialSize("builtin", JobOptions.parse({}), null).frames).toBeNull();
  });
});

describe("workUnits", () => {
  it.each([
    ["download", 5e6, ""],
    ["frames", 5e6, ""],
    ["poses", 90, "high"],
    ["train", 2e9, "nerfstudio/high"],
    ["export", 3e5, "nerfstudio"],
    ["upload", 8e7, ""],
  ] as const)("of %s are %d, in the group %j", (stage, units, group) => {
    expect(workUnits(stage, KNOWN)).toBe(units);
    expect(workGroup(stage, KNOWN)).toBe(group);
  });

  it("of training are not known before the frames are", () => {
    expect(workUnits("train", { ...KNOWN, pixels: null })).toBeNull();
  });
});

describe("sizeAfter", () => {
  const frames = { output: { count: 40, width: 1600, height: 900 }, files: [] };
  const report = { gaussians: 7, iterations: 1, sh_degree: 0, width: 1, height: 1 };
  const trained = { report: { ...report, held_out_frames: 0, psnr: null, ssim: null }, model: "m" };
  const files = [
    { path: "a.ply", size: 10 },
    { path: "b.ply", size: 5 },
  ];
  it.each([
    ["download", { output: { file: "source", size: 12, sha256: "" }, files: [] }, null, { sourceBytes: 12 }],
    ["frames", frames, null, { frames: 40, pixels: 1600 * 900 }],
    ["frames", frames, 800, { frames: 40, pixels: 800 * 450 }],
    ["frames", frames, 4000, { frames: 40, pixels: 1600 * 900 }],
    ["poses", { output: {}, files }, null, {}],
    ["train", { output: trained, files: [] }, null, { gaussians: 7 }],
    ["export", { output: {}, files }, null, { resultBytes: 15 }],
    ["frames", { output: "of an older agent", files: [] }, null, {}],
  ] as const)("%s updates the size", (stage, record, limit, change) => {
    expect(sizeAfter(stage, { ...record, files: [...record.files] }, limit)).toEqual(change);
  });
});
