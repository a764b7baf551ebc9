import { describe, expect, it } from "vitest";
import { colmapAt } from "./colmap-program.ts";
import type { FakePlan } from "./testing/fake-colmap.ts";
import {
  connected,
  FRAMES,
  failed,
  features,
  NO_MATCHES,
  NO_PAIR,
  posesStage,
} from "./testing/poses-stage-harness.ts";

/**
 * How the stage names what went wrong, with a stand-in for COLMAP that fails in all the ways that the real one does.
 */

const { run } = posesStage();

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
      "is not a frame",
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
      "is not a frame",
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
