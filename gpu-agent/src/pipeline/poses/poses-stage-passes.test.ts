import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FRAMES, failed, features, NO_PAIR, option, posesStage } from "./testing/poses-stage-harness.ts";

/** What the stage tries after a first pass, with a stand-in for COLMAP. */

const { run } = posesStage();

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
