import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { readTransforms } from "@splatt/formats";
import type { Preset } from "@splatt/shared";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { entryCount } from "./colmap-model.ts";
import type { FakePlan } from "./testing/fake-colmap.ts";
import { FRAMES, failed, features, option, posesStage } from "./testing/poses-stage-harness.ts";

/** The stage's decisions, with a stand-in for COLMAP. */

const { run, path } = posesStage();

describe("a capture that works", () => {
  it("becomes a dataset and nothing else", async () => {
    await writeFile(path("out", "transforms.json"), "left by an interrupted run");
    await mkdir(path("out", "images"));
    await writeFile(path("out", "images", "frame_00099.jpg"), "left by an interrupted run");
    const { result, colmap, progress } = await run({});
    expect(result).toMatchObject({
      ok: true,
      value: {
        width: 640,
        height: 480,
        colmap: "3.8",
        gpu: false,
        capture: { frames: 30, registered: 30, verdict: "good" },
      },
    });
    expect((await readdir(path("out"))).toSorted()).toEqual([
      "colmap",
      "images",
      "sparse_pc.ply",
      "transforms.json",
    ]);
    expect((await readdir(path("out/colmap/sparse/0"))).toSorted()).toEqual([
      "cameras.bin",
      "images.bin",
      "points3D.bin",
    ]);
    const transforms = await readTransforms(path("out", "transforms.json"));
    expect(transforms.frames).toHaveLength(FRAMES);
    const [image, frame] = [
      path("out", transforms.frames[3]?.file_path ?? ""),
      path("frames/frame_00004.jpg"),
    ];
    expect((await stat(image)).ino).toBe((await stat(frame)).ino);
    expect(await readdir(path("out", "images"))).toHaveLength(FRAMES);

    const calls = colmap.calls;
    expect(calls.map(([command]) => command)).toEqual([
      "feature_extractor",
      "sequential_matcher",
      "matches_importer",
      "mapper",
    ]);
    const fractions = progress.map(({ fraction }) => fraction);
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    expect(progress.map(({ message }) => message)).toContain("finding features: 30 of 30 frames");
  });

  it("is weak where its pictures are dark", async () => {
    const dark = sharp({ create: { width: 64, height: 48, channels: 3, background: "#202020" } }).jpeg();
    for (const name of await readdir(path("frames"))) await dark.toFile(path("frames", name));
    const { result } = await run({});
    const advice = expect.stringContaining("30 of 30 frames could be placed. The pictures are so dark");
    expect(result).toMatchObject({ ok: true, value: { capture: { verdict: "weak", advice } } });
  });

  it("reports the progress of matching and mapping", async () => {
    const { progress } = await run({
      runs: {
        sequential_matcher: [{ lines: ["Matching image [15/30] in 1.594s"] }],
        mapper: [{ lines: ["Registering image #7 (15)", "Registering image #9 (2)"], models: [FRAMES] }],
      },
    });
    const messages = progress.map(({ message }) => message);
    expect(messages).toContain("matching: 15 of 30 frames");
    expect(messages.filter((message) => message.startsWith("placing"))).toEqual([
      "placing cameras: 15 of 30 frames",
      "placing cameras: 15 of 30 frames",
    ]);
  });

  it("is the model with the most images, not the first one", async () => {
    const { result } = await run({ runs: { mapper: [{ models: [4, 28, 9] }] } });
    expect(result).toMatchObject({ ok: true, value: { capture: { registered: 28 } } });
    expect(entryCount(await readFile(path("out/colmap/sparse/0/images.bin")))).toBe(28);
  });

  it("does not need the distant pairs", async () => {
    const { result } = await run({ runs: { matches_importer: [{ exitCode: 1, lines: ["ERROR: no"] }] } });
    expect(result).toMatchObject({ ok: true });
  });

  it("uses the options of the installed COLMAP version", async () => {
    const help = "COLMAP 4.1.1 (Commit 1a2b on 2026-07-17 with CUDA)";
    const { result, colmap } = await run({ help }, { config: { gpu: true } });
    expect(result).toMatchObject({ ok: true, value: { colmap: "4.1.1", gpu: true } });
    const calls = colmap.calls;
    expect(option(calls[0], "FeatureExtraction.use_gpu")).toBe("1");
    expect(option(calls[1], "FeatureMatching.use_gpu")).toBe("1");
  });

  it("begins with the focal length of photos, and matches each with each, whatever their order", async () => {
    const photos = Array.from({ length: FRAMES }, (_, i) => ({
      camera: 0,
      path: `IMG_${i}.JPG`,
      position: null,
    }));
    const cameras = [{ width: 640, height: 480, focal: 512.25 }];
    const frames = {
      ...{ count: FRAMES, cameras, photos, videos: [] },
      ...{ order: "name" as const, notes: ["A note."] },
    };
    const { result, colmap } = await run({}, { input: { frames } });
    expect(result).toMatchObject({ ok: true, value: { width: 640, capture: { verdict: "good" } } });
    expect(result.ok && result.value.capture.advice).toMatch(/30 of 30 photos could be placed.*A note\./);
    const [extract, match] = colmap.calls;
    expect(option(extract, "ImageReader.camera_params")).toBe("512.25,320,240,0");
    expect(match?.[0]).toBe("exhaustive_matcher");
    const transforms = await readTransforms(path("out", "transforms.json"));
    expect(transforms.frames[3]?.photo).toBe("IMG_3.JPG");
  });

  it.each<[string, number | null, number[], number, Preset?]>([
    ["more after the last pass", null, [15, 14, 14, 20, 26, 28], 28],
    ["more after the last pass, whose features were fine before", null, [15, 14, 14, 20, 26, 28], 28, "high"],
    ["no more after the last pass", null, [15, 14, 14, 20, 26, 25], 26],
    ["many more after the first pass, which the others continue", null, [15, 22, 24, 30], 30],
    [
      "many more after the first pass, of which no other places as many",
      null,
      [15, 22, 20, 20, 20],
      22,
      "high",
    ],
    ["more, but the photos are known to be of one camera", 512, [15, 14, 20, 26], 26],
  ])(
    "gives each photo a camera of its own, which places %s",
    async (_, focal, placed, registered, preset = "standard") => {
      const photos = Array.from({ length: FRAMES }, (_, i) => {
        return { camera: 0, path: `${i}.jpg`, position: null };
      });
      const cameras = [{ width: 640, height: 480, focal }];
      const frames = { count: FRAMES, cameras, photos, videos: [], order: "name" as const, notes: [] };
      const { result, colmap } = await run(
        { runs: { mapper: placed.map((count) => ({ models: [count] })) } },
        { input: { frames, preset } },
      );
      expect(result).toMatchObject({ ok: true, value: { capture: { registered } } });
      expect(colmap.calls.filter(([command]) => command === "mapper")).toHaveLength(placed.length);
    },
  );

  it("does not use the GPU when that is disabled or unsupported", async () => {
    const { colmap } = await run({ help: "COLMAP 3.11.1 (Commit 1 on 2 with CUDA)" });
    expect(option(colmap.calls[0], "SiftExtraction.use_gpu")).toBe("0");
    await rm(path("bin"), { recursive: true });
    const without = await run({}, { config: { gpu: true } });
    expect(option(without.colmap.calls[0], "SiftExtraction.use_gpu")).toBe("0");
  });

  it.each<[string, FakePlan["runs"], string[]]>([
    [
      "aborts over it",
      {
        feature_extractor: [
          { lines: ["F1 opengl_utils.cc:56] Check failed: context_.create()"], signal: "SIGABRT" },
          features(2000),
        ],
      },
      ["feature_extractor", "feature_extractor"],
    ],
    [
      "ends as if all were well, without a feature",
      { feature_extractor: [{ lines: ["ERROR: SiftGPU not fully supported."] }, features(2000)] },
      ["feature_extractor", "feature_extractor"],
    ],
    [
      "ends as if all were well, without a match",
      {
        exhaustive_matcher: [
          { lines: ["E20260101 12:00:00.0 1 m.cc:82] Failed to create feature matcher."] },
          {},
        ],
      },
      ["feature_extractor", "exhaustive_matcher", "sequential_matcher"],
    ],
    [
      "finds nothing and says nothing",
      { feature_extractor: [features(0), features(2000)] },
      ["feature_extractor", "feature_extractor"],
    ],
    [
      "matches nothing and says nothing",
      { exhaustive_matcher: [{ pairs: 0 }] },
      ["feature_extractor", "exhaustive_matcher", "sequential_matcher"],
    ],
    [
      "crashes while matching",
      {
        exhaustive_matcher: [
          { lines: ["F1 sift.cc:1] Check failed: options.max_num_matches > 0"], signal: "SIGABRT" },
        ],
      },
      ["feature_extractor", "exhaustive_matcher", "sequential_matcher"],
    ],
  ])("repeats the step on the CPU, and no other, when COLMAP %s", async (_, runs, first) => {
    const help = "COLMAP 3.11.1 (Commit 1 on 2 with CUDA)";
    const { result, colmap } = await run({ help, runs }, { config: { gpu: true } });
    expect(result).toMatchObject({ ok: true, value: { gpu: false } });
    const calls = colmap.calls.slice(0, first.length);
    expect(calls.map(([command]) => command)).toEqual(first);
    const gpus = calls.map(
      (call) => option(call, "SiftExtraction.use_gpu") ?? option(call, "SiftMatching.use_gpu"),
    );
    expect(gpus).toEqual([...Array.from({ length: first.length - 1 }, () => "1"), "0"]);
  });

  it("blames the video only after the CPU found nothing either", async () => {
    const help = "COLMAP 3.11.1 (Commit 1 on 2 with CUDA)";
    const runs = { feature_extractor: [features(5)] };
    const { result, colmap } = await run({ help, runs }, { config: { gpu: true } });
    expect(result).toMatchObject(failed("poses_no_features"));
    const gpus = colmap.calls.map((call) => option(call, "SiftExtraction.use_gpu"));
    expect(gpus.slice(0, 2)).toEqual(["1", "0"]);
  });

  it("is parsed when its log has dates without a year", async () => {
    const lines =
      features(2000).lines?.map((line) => `I0910 16:59:24.013785 567 extract.cc:274] ${line}`) ?? [];
    const { result } = await run({ runs: { feature_extractor: [{ lines }] } });
    expect(result).toMatchObject({ ok: true, value: { capture: { registered: 30 } } });
  });
});
