import { describe, expect, it } from "vitest";
import { finer, firstPass, type PoseTask, thorough, withThresholds } from "./settings.ts";

const TASK: PoseTask = {
  preset: "standard",
  frames: 50,
  unordered: false,
  width: 1600,
  height: 900,
  gpu: false,
  cores: 2,
};

describe("firstPass", () => {
  it("is more thorough the higher the preset", () => {
    const [draft, standard, high] = (["draft", "standard", "high"] as const).map((preset) =>
      firstPass({ ...TASK, preset }),
    );
    expect(draft?.maxFeatures).toBeLessThan(standard?.maxFeatures ?? 0);
    expect(standard?.maxFeatures).toBeLessThan(high?.maxFeatures ?? 0);
    expect(draft?.maxImageSize).toBeLessThan(standard?.maxImageSize ?? 0);
    expect(standard?.maxImageSize).toBeLessThan(high?.maxImageSize ?? 0);
  });

  it.each([
    ["a few frames", { frames: 20 }, "exhaustive"],
    ["more frames", { frames: 21 }, "sequential"],
    ["more frames and cores", { frames: 40, cores: 8 }, "exhaustive"],
    ["many frames and a GPU", { frames: 80, gpu: true }, "exhaustive"],
    ["very many frames and a GPU", { frames: 300, gpu: true }, "sequential"],
  ])("matches %s: %j %s", (_, change, kind) => {
    expect(firstPass({ ...TASK, ...change }).matching.kind).toBe(kind);
  });

  it("cross-checks matches where that is cheap or precision is requested", () => {
    expect(firstPass(TASK).crossCheck).toBe(false);
    expect(firstPass({ ...TASK, gpu: true }).crossCheck).toBe(true);
    expect(firstPass({ ...TASK, preset: "high" }).crossCheck).toBe(true);
  });

  it("doubles small pictures", () => {
    expect(firstPass(TASK).firstOctave).toBe(0);
    expect(firstPass({ ...TASK, width: 320, height: 240 }).firstOctave).toBe(-1);
  });
});

describe("the passes after it", () => {
  const first = firstPass(TASK);

  it("look for finer detail where few features were found", () => {
    expect(finer(first)).toMatchObject({ firstOctave: -1, maxFeatures: 4096, matching: first.matching });
  });

  it("extract more and accept weaker evidence", () => {
    const careful = thorough(TASK, first, { kind: "exhaustive" });
    expect(careful).toMatchObject({ cameraModel: "SIMPLE_RADIAL", firstOctave: -1, guidedMatching: false });
    expect(thorough({ ...TASK, gpu: true }, first, { kind: "exhaustive" }).guidedMatching).toBe(true);
    expect(careful.maxFeatures).toBeGreaterThan(first.maxFeatures);
    const high = firstPass({ ...TASK, preset: "high" });
    expect(thorough(TASK, high, { kind: "exhaustive" }).maxFeatures).toBe(high.maxFeatures);
    expect(careful.mapper.options).toMatchObject({ init_min_tri_angle: 4, abs_pose_min_num_inliers: 12 });
  });

  it("cross-check finer matches only where the first pass does, or on a GPU", () => {
    const of = (task: PoseTask) => thorough(task, firstPass(task), { kind: "exhaustive" }).crossCheck;
    expect(of(TASK)).toBe(false);
    expect(of({ ...TASK, gpu: true })).toBe(true);
    expect(of({ ...TASK, preset: "high" })).toBe(true);
  });

  it("use faint features where there are few others", () => {
    const of = (features: number) => thorough(TASK, first, { kind: "exhaustive" }, features).peakThreshold;
    expect([of(300), of(970), of(3000)]).toEqual([0.002, null, null]);
  });

  it("relax the mapper and nothing else", () => {
    expect(withThresholds(first, "strict")).toEqual(first);
    const weakest = withThresholds(first, "weakest").mapper.options;
    expect(weakest).toMatchObject({ init_min_tri_angle: 4, init_min_num_inliers: 40, min_num_matches: 8 });
    const loose = withThresholds(first, "relaxed");
    expect(loose.mapper.options).toMatchObject({ init_min_tri_angle: 4 });
    expect({ ...loose, mapper: first.mapper }).toEqual(first);
  });
});

it.each<[frames: number, matching: object]>([
  [20, { kind: "exhaustive" }],
  [50, { kind: "similar", following: 8, across: 8, alike: 4, nearby: 0 }],
])("matches %i frames of several videos along each, and across", (frames, matching) => {
  expect(firstPass({ ...TASK, frames, several: true }).matching).toEqual(matching);
});
