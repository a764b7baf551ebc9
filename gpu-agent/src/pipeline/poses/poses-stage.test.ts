import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readTransforms } from "@splatt/formats";
import type { Preset } from "@splatt/shared";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { StageProgress } from "../stage.ts";
import { entryCount } from "./colmap-model.ts";
import { colmapAt } from "./colmap-program.ts";
import { createPosesStage, type PosesConfig, type PosesInput } from "./poses-stage.ts";
import { type FakeColmap, type FakePlan, type FakeRun, fakeColmap } from "./testing/fake-colmap.ts";

/** The stage's decisions, with a stand-in for COLMAP that fails in all the ways that the real one does. */

// The fake asks this process what to do, over the network.
vi.stubEnv("SANDBOX", "off");

const FRAMES = 30;

let dir = "";

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-poses-"));
  await mkdir(join(dir, "frames"));
  await mkdir(join(dir, "out"));
  for (let i = 1; i <= FRAMES; i++) {
    await writeFile(join(dir, "frames", `frame_${String(i).padStart(5, "0")}.jpg`), `picture ${i}`);
  }
});

afterEach(() => rm(dir, { recursive: true, force: true }));

interface Outcome {
  readonly result: Awaited<ReturnType<ReturnType<typeof createPosesStage>["run"]>>;
  readonly colmap: FakeColmap;
  readonly progress: readonly StageProgress[];
}

interface Overrides {
  readonly config?: Partial<PosesConfig>;
  readonly input?: Partial<PosesInput>;
  readonly signal?: AbortSignal;
  readonly toolOutput?: (line: string) => void;
}

async function run(
  plan: Partial<FakePlan>,
  { config, input, signal, toolOutput }: Overrides = {},
): Promise<Outcome> {
  const runs = { feature_extractor: [features(2000)], mapper: [{ models: [FRAMES] }], ...plan.runs };
  const colmap = await fakeColmap(join(dir, "bin"), { ...plan, runs });
  const progress: StageProgress[] = [];
  const stage = createPosesStage({
    colmap: [colmapAt(colmap.program)],
    gpu: false,
    threads: 2,
    commandTimeoutMs: 60_000,
    silenceMs: 60_000,
    ...config,
  });
  const frames = {
    count: FRAMES,
    width: 640,
    height: 480,
    fps: 4,
    start_sec: 0,
    end_sec: 8,
    times: [],
    notes: [],
  };
  const result = await stage.run(
    { framesDir: join(dir, "frames"), frames, preset: "standard", up: "auto", ...input },
    {
      dir: join(dir, "out"),
      signal: signal ?? new AbortController().signal,
      log: pino({ level: "silent" }),
      report: (p) => progress.push(p),
      toolOutput: toolOutput ?? (() => undefined),
    },
  );
  return { result, colmap, progress };
}

/** What feature extraction prints and leaves. */
function features(count: number): FakeRun {
  const lines = Array.from({ length: FRAMES }, (_, i) => [
    `Processed file [${i + 1}/${FRAMES}]`,
    `  Features:        ${count}`,
  ]);
  return { lines: lines.flat(), features: count };
}

const connected = (count: number) => `Loading images... ${FRAMES} in 0.009s (connected ${count})`;
const NO_PAIR: FakeRun = {
  lines: [
    connected(FRAMES),
    "  => No good initial image pair found.",
    "ERROR: failed to create sparse model",
  ],
  exitCode: 1,
};
const NO_MATCHES: FakeRun = {
  lines: [
    connected(0),
    "WARNING: No images with matches found in the database.",
    "ERROR: failed to create sparse model",
  ],
  exitCode: 1,
};

function option(call: readonly string[] | undefined, name: string): string | undefined {
  const index = call?.indexOf(`--${name}`) ?? -1;
  return index < 0 ? undefined : call?.[index + 1];
}

function failed(code: string, detail = "") {
  return { ok: false, error: { code, detail: expect.stringContaining(detail) } };
}

describe("a capture that works", () => {
  it("becomes a dataset and nothing else", async () => {
    await writeFile(join(dir, "out", "transforms.json"), "left by an interrupted run");
    await mkdir(join(dir, "out", "images"));
    await writeFile(join(dir, "out", "images", "frame_00099.jpg"), "left by an interrupted run");
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
    expect((await readdir(join(dir, "out"))).toSorted()).toEqual([
      "colmap",
      "images",
      "sparse_pc.ply",
      "transforms.json",
    ]);
    expect((await readdir(join(dir, "out/colmap/sparse/0"))).toSorted()).toEqual([
      "cameras.bin",
      "images.bin",
      "points3D.bin",
    ]);
    const transforms = await readTransforms(join(dir, "out", "transforms.json"));
    expect(transforms.frames).toHaveLength(FRAMES);
    const [image, frame] = [
      join(dir, "out", transforms.frames[3]?.file_path ?? ""),
      join(dir, "frames/frame_00004.jpg"),
    ];
    expect((await stat(image)).ino).toBe((await stat(frame)).ino);
    expect(await readdir(join(dir, "out", "images"))).toHaveLength(FRAMES);

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
    expect(entryCount(await readFile(join(dir, "out/colmap/sparse/0/images.bin")))).toBe(28);
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
    const transforms = await readTransforms(join(dir, "out", "transforms.json"));
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
    await rm(join(dir, "bin"), { recursive: true });
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

describe("a further pass", () => {
  it("extracts finer detail when few features are found", async () => {
    const { result, colmap } = await run({ runs: { feature_extractor: [features(200), features(900)] } });
    expect(result).toMatchObject({ ok: true });
    const calls = colmap.calls;
    expect(calls.slice(0, 3).map((call) => [call[0], option(call, "SiftExtraction.first_octave")])).toEqual([
      ["feature_extractor", "0"],
      ["feature_extractor", "-1"],
      ["sequential_matcher", undefined],
    ]);
  });

  it("matches the missing frames with the others, and extends the model", async () => {
    const { result, colmap, progress } = await run({
      runs: { mapper: [{ models: [15] }, { models: [FRAMES] }] },
    });
    expect(result).toMatchObject({
      ok: true,
      value: {
        capture: {
          registered: FRAMES,
          verdict: "good",
          advice: expect.stringContaining(
            "matched the missing frames with all others: 30 frames in place of 15",
          ),
        },
      },
    });
    const calls = colmap.calls;
    const [, , , , matching] = calls;
    expect(calls.filter(([command]) => command === "feature_extractor")).toHaveLength(1);
    expect(matching?.[0]).toBe("matches_importer");
    const mappers = calls.filter(([command]) => command === "mapper");
    expect(option(mappers[1], "input_path")).toBe(join(option(mappers[0], "output_path") ?? "", "0"));
    expect(option(mappers[1], "Mapper.abs_pose_min_num_inliers")).toBe("20");
    const fractions = progress.map(({ fraction }) => fraction);
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    expect(progress.some(({ message }) => message.startsWith("pass 2: matching"))).toBe(true);
  });

  it("is followed by others while frames are missing, and the best one is kept", async () => {
    const { result, colmap } = await run({
      runs: { mapper: [{ models: [15] }, { models: [14] }, { models: [20] }, { models: [3, 26] }] },
    });
    if (!result.ok) throw new Error(result.error.detail);
    expect(result.value.capture.passes).toMatchObject([
      { pass: "first", registered: 15, kept: false },
      { pass: "missing_frames", registered: 14, kept: false },
      { pass: "all_pairs", registered: 20, kept: false },
      { pass: "finer_features", registered: 26, kept: true },
    ]);
    expect(result.value.capture.registered).toBe(26);
    const extractions = colmap.calls.filter(([command]) => command === "feature_extractor");
    expect(Number(option(extractions[1], "SiftExtraction.max_num_features"))).toBeGreaterThan(
      Number(option(extractions[0], "SiftExtraction.max_num_features")),
    );
  });

  it.each([
    ["no better", { models: [14] }],
    ["broken", { exitCode: 1, lines: ["ERROR: boom"] }],
    ["without a model", NO_PAIR],
    ["spoilt", { models: [29], spoilt: "nan" as const }],
  ])("is dropped when it is %s", async (_, second) => {
    const { result } = await run({ runs: { mapper: [{ models: [15] }, second] } });
    expect(result).toMatchObject({
      ok: true,
      value: { capture: { registered: 15, verdict: "weak", advice: expect.not.stringContaining("pass") } },
    });
  });

  it("is not needed when the video shows two places", async () => {
    const { result, colmap } = await run({ runs: { mapper: [{ models: [16, 14], apart: true }] } });
    expect(result).toMatchObject({
      ok: true,
      value: { capture: { registered: 16, advice: expect.stringContaining("shows another place") } },
    });
    expect(colmap.calls.filter(([command]) => command === "mapper")).toHaveLength(1);
  });

  it("says how long it will take", async () => {
    const { progress } = await run({ runs: { mapper: [{ models: [15] }, { models: [27] }] } });
    const left = progress.filter(({ message }) => message.startsWith("pass 2")).map((p) => p.secondsLeft);
    expect(left.length).toBeGreaterThan(0);
    expect(left.every((seconds) => seconds !== undefined && seconds >= 0)).toBe(true);
    expect(progress[0]?.secondsLeft).toBeUndefined();
  });

  it("matches distant frames, on the same features, when neighbours gave no initial pair", async () => {
    const { result, colmap } = await run({ runs: { mapper: [NO_PAIR, { models: [FRAMES] }] } });
    expect(result).toMatchObject({ ok: true, value: { capture: { registered: FRAMES } } });
    const calls = colmap.calls;
    const later = calls.slice(4).map(([command]) => command);
    expect(new Set(later)).toEqual(new Set(["matches_importer", "mapper"]));
    expect(option(calls.at(-1), "Mapper.init_min_tri_angle")).toBeUndefined();
    expect(option(calls.at(-1), "input_path")).toBeUndefined();
  });

  it("relaxes the mapper, on the same matches, when that gave none either", async () => {
    const { result, colmap, progress } = await run({
      runs: { mapper: [NO_PAIR, NO_PAIR, { lines: ["Registering image #7 (15)"], models: [FRAMES] }] },
    });
    expect(result).toMatchObject({ ok: true, value: { capture: { registered: FRAMES } } });
    const mappers = colmap.calls.filter(([command]) => command === "mapper");
    expect(mappers.map((call) => option(call, "Mapper.init_min_tri_angle"))).toEqual([
      undefined,
      undefined,
      "4",
    ]);
    const fractions = progress.map(({ fraction }) => fraction);
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
  });
});

describe("a capture that cannot work is named", () => {
  it.each<[string, FakePlan["runs"], string, string]>([
    ["no features", { feature_extractor: [features(0)] }, "poses_no_features", "0 features per frame"],
    ["hardly any features", { feature_extractor: [features(20)] }, "poses_no_features", "20 features"],
    [
      "few features and no matches",
      { feature_extractor: [features(100)], mapper: [NO_MATCHES] },
      "poses_no_features",
      "100",
    ],
    ["no parallax", { mapper: [NO_PAIR] }, "poses_no_parallax", "30 of 30 frames match"],
    [
      "no parallax except between a few frames",
      { mapper: [NO_PAIR, NO_PAIR, { models: [3] }] },
      "poses_no_parallax",
      "only 3 of 30",
    ],
    [
      "only turning the camera",
      { mapper: [{ lines: [connected(FRAMES)], models: [17], hollow: true }] },
      "poses_no_parallax",
      "30 of 30 frames match",
    ],
    [
      "views too far apart",
      { sequential_matcher: [{ config: 3 }], matches_importer: [{ config: 3 }], mapper: [NO_PAIR] },
      "poses_unusable",
      "No frames could be placed (30 of 30 match)",
    ],
    ["no matches", { mapper: [NO_MATCHES] }, "poses_unusable", "0 of 30 match"],
    ["too few frames placed", { mapper: [{ models: [8] }] }, "poses_unusable", "Only 8 of 30"],
  ])("%s", async (_, runs, code, detail) => {
    const { result } = await run({ runs });
    expect(result).toMatchObject(failed(code, detail));
  });

  it("and no time is lost on frames without features", async () => {
    const { colmap } = await run({ runs: { feature_extractor: [features(0)] } });
    const commands = colmap.calls.map(([command]) => command);
    expect(new Set(commands)).toEqual(new Set(["feature_extractor"]));
  });
});

describe("a COLMAP that breaks is named", () => {
  it.each<[string, FakePlan["runs"], string]>([
    [
      "extraction",
      { feature_extractor: [{ lines: ["ERROR: boom"], exitCode: 1 }] },
      "feature extraction ended with exit code 1: ERROR: boom",
    ],
    ["matching", { sequential_matcher: [{ signal: "SIGSEGV" }] }, "matching ended with signal SIGSEGV"],
    [
      "mapping",
      { mapper: [{ lines: ["*** Aborted"], signal: "SIGABRT" }] },
      "mapping ended with signal SIGABRT: *** Aborted",
    ],
  ])("in %s", async (_, runs, detail) => {
    const { result } = await run({ runs });
    expect(result).toEqual(failed("colmap_failed", detail));
  });

  it("by truncated files", async () => {
    const { result } = await run({ runs: { mapper: [{ models: [FRAMES], cut: true }] } });
    expect(result).toMatchObject(failed("colmap_failed", "images.bin is cut short"));
  });

  it.each<[string, Partial<FakePlan["runs"]>, string, string]>([
    [
      "no database",
      { feature_extractor: [{ database: "missing" }] },
      "colmap_failed",
      "no readable database",
    ],
    [
      "a damaged database",
      { feature_extractor: [{ database: "damaged" }] },
      "colmap_failed",
      "no readable database",
    ],
    [
      "images that are no frames",
      { feature_extractor: [{ images: ["x.jpg"] }] },
      "colmap_failed",
      "is no frame",
    ],
    [
      "images of another size",
      { feature_extractor: [{ imageSize: [320, 240] }] },
      "colmap_failed",
      "320×240 pixels",
    ],
    [
      "hardly any of the images",
      { feature_extractor: [{ images: ["frame_00001.jpg", "frame_00002.jpg"] }] },
      "colmap_failed",
      "only 2 of 30",
    ],
    ["no model", { mapper: [{}] }, "colmap_failed", "mapping ended with exit code 0"],
    [
      "a model of other images",
      { mapper: [{ models: [FRAMES], spoilt: "foreign" }] },
      "colmap_failed",
      "is no frame",
    ],
    [
      "a frame twice",
      { mapper: [{ models: [FRAMES], spoilt: "twice" }] },
      "colmap_failed",
      "frame_00001.jpg twice",
    ],
    [
      "a pose that is no number",
      { mapper: [{ models: [FRAMES], spoilt: "nan" }] },
      "colmap_failed",
      "no finite pose",
    ],
    [
      "points that are nowhere",
      { mapper: [{ models: [FRAMES], spoilt: "nan-points" }] },
      "colmap_failed",
      "points",
    ],
    [
      "the poses of other frames",
      { mapper: [{ models: [FRAMES], spoilt: "swapped" }] },
      "colmap_failed",
      "appear where the frames have them",
    ],
    [
      "points behind the cameras",
      { mapper: [{ models: [FRAMES], spoilt: "behind" }] },
      "colmap_failed",
      "only 0 % of the model's points",
    ],
    [
      "a camera of another size",
      { mapper: [{ models: [FRAMES], spoilt: "size" }] },
      "colmap_failed",
      "320×240",
    ],
    [
      "all frames in one place",
      { mapper: [{ models: [FRAMES], spoilt: "same-poses" }] },
      "poses_unusable",
      "1 different",
    ],
    [
      "an impossible lens",
      { mapper: [{ models: [FRAMES], spoilt: "focal" }] },
      "poses_unusable",
      "no lens has",
    ],
    ["a folded picture", { mapper: [{ models: [FRAMES], spoilt: "distortion" }] }, "poses_unusable", "folds"],
  ])("in silence, with exit code 0 and %s", async (_, runs, code, detail) => {
    const { result } = await run({ runs: { feature_extractor: [features(2000)], ...runs } });
    expect(result).toMatchObject(failed(code, detail));
  });

  it("not by a model that cannot be used, where there is another", async () => {
    const runs = { mapper: [{ models: [FRAMES], spoilt: "nan" as const }, { models: [28] }] };
    expect((await run({ runs })).result).toMatchObject({ ok: true, value: { capture: { registered: 28 } } });
  });

  it.each([
    ["SQLite error [database.cc, line 1]: database is locked", "workspace_unusable", "database is locked"],
    ["SQLite error [database.cc, line 1]: disk I/O error", "workspace_unusable", "disk I/O error"],
    ["SQLite error: database or disk is full", "disk_full", "full"],
    ["Failed to parse options - unrecognised option '--Mapper.x'.", "tool_unsupported", "--Mapper.x"],
  ])("by the machine, when it prints %s", async (line, code, detail) => {
    const { result } = await run({ runs: { feature_extractor: [{ lines: [line], exitCode: 1 }] } });
    expect(result).toMatchObject(failed(code, detail));
  });

  it("when it is something else, or nothing", async () => {
    expect((await run({ help: "usage: colmap" })).result).toMatchObject(
      failed("tool_unsupported", "usage: colmap"),
    );
    const { result } = await run({}, { config: { colmap: [colmapAt("/nowhere/colmap")] } });
    expect(result).toMatchObject(failed("tool_missing", "/nowhere/colmap"));
  });

  it("by its silence", async () => {
    const { result } = await run({ runs: { mapper: [{ hangs: true }] } }, { config: { silenceMs: 1500 } });
    expect(result).toMatchObject(failed("stage_stalled"));
  });
});

it("stops when it is aborted during the second pass, whatever the first one found", async () => {
  const stop = new AbortController();
  const { result } = await run(
    { runs: { mapper: [{ models: [15] }, { lines: ["Registering image #2 (2)"], hangs: true }] } },
    { signal: stop.signal, toolOutput: (line) => line.startsWith("Registering") && stop.abort() },
  );
  expect(result).toMatchObject(failed("agent_stopped"));
});

it("stops when it is aborted, without another pass", async () => {
  const stop = new AbortController();
  const { result, colmap } = await run(
    { runs: { mapper: [{ lines: ["Registering image #2 (2)"], hangs: true }] } },
    { signal: stop.signal, toolOutput: (line) => line.startsWith("Registering") && stop.abort() },
  );
  expect(result).toMatchObject(failed("agent_stopped"));
  expect(colmap.calls.filter(([command]) => command === "mapper")).toHaveLength(1);
});
