import { describe, expect, it } from "vitest";
import { type LadderState, nextPass, type PassRun, separatePlaces } from "./ladder.ts";

const FIRST: PassRun = { pass: "first", seconds: 45, registered: 44, gained: true };
const STATE: LadderState = {
  preset: "standard",
  frames: 66,
  blank: 0,
  registered: 44,
  runs: [FIRST],
  lacksParallax: false,
  stood: true,
  places: false,
  fragments: 0,
  missingPairs: 1000,
  pairs: 1500,
  first: { extract: 8, match: 25, map: 12 },
  secondsPerPair: 0.04,
  finer: { pair: 4, extract: 4 },
};

/** All takes ten times as long. */
const TENFOLD = { first: { extract: 80, match: 250, map: 120 }, secondsPerPair: 0.4 };

function run(pass: PassRun["pass"], gained: boolean, seconds = 30): PassRun {
  return { pass, seconds, registered: gained ? 50 : 44, gained };
}

/** The passes that follow one another when none gains anything. */
function climb(state: LadderState): string[] {
  const next = nextPass(state);
  if (typeof next === "string") return [next];
  const { extract, match, map } = next.seconds;
  const ran = run(next.pass, false, extract + match + map);
  const isMatched = next.pass !== "merged_models" && next.pass !== "finer_features";
  const left = isMatched ? { missingPairs: 0, pairs: next.onlyMissing ? state.pairs - next.pairs : 0 } : {};
  return [next.pass, ...climb({ ...state, ...left, fragments: 0, runs: [...state.runs, ran] })];
}

describe("the ladder", () => {
  it.each<[string, Partial<LadderState>, string[]]>([
    ["all frames placed", { registered: 66 }, ["complete"]],
    ["a few frames without features", { registered: 66, blank: 3 }, ["not worth the time"]],
    [
      "the frames without features missing, on a busy machine",
      { registered: 66, blank: 9, ...TENFOLD },
      ["not worth the time"],
    ],
    [
      "many frames without features",
      { registered: 30, frames: 30, blank: 36 },
      ["finer_features", "last pass"],
    ],
    ["two places", { places: true }, ["separate places"]],
    ["a third missing", {}, ["missing_frames", "all_pairs", "finer_features", "last pass"]],
    [
      "a few missing",
      { registered: 62, missingPairs: 200 },
      ["missing_frames", "all_pairs", "finer_features", "last pass"],
    ],
    [
      "a few missing of many",
      { frames: 112, registered: 105, missingPairs: 200 },
      ["missing_frames", "all_pairs", "not worth the time"],
    ],
    [
      "a few missing, which another model has",
      { registered: 62, missingPairs: 200, fragments: 4 },
      ["merged_models", "missing_frames", "all_pairs", "finer_features", "last pass"],
    ],
    ["all frames placed, some of them in two models", { registered: 66, fragments: 0 }, ["complete"]],
    ["two places with models of their own", { places: true, fragments: 22 }, ["separate places"]],
    ["one frame missing", { registered: 65, missingPairs: 40 }, ["missing_frames", "not worth the time"]],
    ["all pairs matched", { missingPairs: 0, pairs: 0 }, ["relaxed", "finer_features", "last pass"]],
    [
      "all pairs matched, and a small model",
      { registered: 20, missingPairs: 0, pairs: 0 },
      ["finer_features", "last pass"],
    ],
    [
      "all pairs of the missing frames matched",
      { missingPairs: 0 },
      ["all_pairs", "finer_features", "last pass"],
    ],
    [
      "no finer features to be had",
      { missingPairs: 0, pairs: 0, finer: null },
      ["relaxed", "not worth the time"],
    ],
    ["no model", { registered: 0 }, ["finer_features", "last pass"]],
    ["no model, on a busy machine", { registered: 0, ...TENFOLD }, ["finer_features", "last pass"]],
    [
      "no model and no finer features to be had",
      { registered: 0, finer: null },
      ["relaxed", "not worth the time"],
    ],
    [
      "a third missing, on a busy machine",
      TENFOLD,
      ["missing_frames", "all_pairs", "finer_features", "last pass"],
    ],
    [
      "a third of many missing, on a busy machine",
      { frames: 112, registered: 75, ...TENFOLD },
      ["missing_frames", "not worth the time"],
    ],
    [
      "two thirds missing, on a busy machine",
      { registered: 22, ...TENFOLD },
      ["missing_frames", "all_pairs", "finer_features", "last pass"],
    ],
    ["no initial pair", { registered: 0, lacksParallax: true }, ["far_pairs", "relaxed", "no parallax"]],
    [
      "no initial pair, though the camera moved",
      { registered: 0, lacksParallax: true, stood: false },
      ["far_pairs", "relaxed", "finer_features", "last pass"],
    ],
    [
      "no initial pair, all pairs matched",
      { registered: 0, lacksParallax: true, pairs: 0 },
      ["relaxed", "no parallax"],
    ],
    ["slow matching", { secondsPerPair: 5 }, ["not worth the time"]],
  ])("after a first pass with %s: %j", (_, change, passes) => {
    expect(climb({ ...STATE, ...change })).toEqual(passes);
  });

  it("extends a model that has many of the frames, and rebuilds a small one", () => {
    expect(nextPass(STATE)).toMatchObject({ pass: "missing_frames", extend: true, onlyMissing: true });
    expect(nextPass({ ...STATE, registered: 20 })).toMatchObject({ pass: "missing_frames", extend: false });
  });

  it.each<[string, Partial<LadderState>, string]>([
    ["the mapper alone", { missingPairs: 0, pairs: 0 }, "relaxed"],
    ["more pairs", {}, "relaxed"],
    ["no initial pair", { registered: 0, lacksParallax: true }, "strict"],
    ["finer features", { registered: 0 }, "weakest"],
    ["the last pass without finer features", { registered: 0, finer: null }, "weakest"],
  ])("needs less evidence from pass to pass: %s", (_, change, mapping) => {
    expect(nextPass({ ...STATE, ...change })).toMatchObject({ mapping });
  });

  it("matches all pairs by hand's measure in the last pass of a small set", () => {
    const state = { ...STATE, missingPairs: 0, pairs: 0, runs: [FIRST, run("relaxed", false, 12)] };
    expect(nextPass(state)).toMatchObject({ pass: "finer_features", pairs: (66 * 65) / 2, extend: false });
  });

  it("continues with the finest features while passes gain", () => {
    const runs = [FIRST, run("missing_frames", true), run("all_pairs", true)];
    expect(nextPass({ ...STATE, registered: 50, runs })).toMatchObject({ pass: "finer_features" });
  });

  it("matches only as many pairs as the time allows", () => {
    const next = nextPass({
      ...STATE,
      frames: 400,
      registered: 300,
      missingPairs: 40_000,
      secondsPerPair: 0.05,
    });
    if (typeof next === "string") throw new Error(next);
    expect(next.pairs).toBeLessThan(40_000);
    expect(next.seconds.match + next.seconds.map).toBeLessThanOrEqual(600);
  });

  it.each([
    ["draft", 0.6, 240, 0],
    ["standard", 0.6, 600, 0],
    ["high", 0.6, 1500, 0],
    ["draft", 0.1, 240, 6],
    ["standard", 0.1, 600, 6],
  ] as const)(
    "ends within its time, however large the capture: %s, with %d of its frames placed",
    (preset, share, seconds, timesFirst) => {
      for (const frames of [10, 112, 400, 1000]) {
        const pairs = (frames * (frames - 1)) / 2;
        const registered = Math.ceil(share * frames);
        let state: LadderState = { ...STATE, preset, frames, registered, missingPairs: pairs, pairs };
        state = { ...state, first: { extract: frames / 4, match: frames / 2, map: frames / 4 } };
        let spent = 0;
        for (let passes = 0; passes < 10; passes++) {
          const next = nextPass(state);
          if (typeof next === "string") break;
          const took = next.seconds.extract + next.seconds.match + next.seconds.map;
          spent += took;
          state = { ...state, runs: [...state.runs, run(next.pass, true, took)] };
        }
        expect(spent).toBeLessThanOrEqual(Math.max(seconds, timesFirst * frames));
      }
    },
  );
});

const names = (from: number, count: number) => Array.from({ length: count }, (_, i) => `f${from + i}`);

describe("separatePlaces", () => {
  const across = (inliers: number, count = 20) =>
    Array.from({ length: count }, (_, i) => ({ images: [`f${i}`, `f${20 + i}`] as const, inliers }));

  it.each([
    ["models without a match between them", [names(0, 20), names(20, 20)], across(0), true],
    ["a match between them", [names(0, 20), names(20, 20)], [...across(0), ...across(30, 1)], false],
    ["too few pairs compared", [names(0, 20), names(20, 20)], across(0, 3), false],
    ["a shared frame", [names(0, 21), names(20, 20)], across(0), false],
    ["a small fragment", [names(0, 36), names(36, 4)], across(0), false],
    ["many frames in neither", [names(0, 20), names(20, 12)], across(0), false],
    ["one model", [names(0, 40)], across(0), false],
  ])("%s", (_, models, matched, expected) => {
    expect(separatePlaces(40, models, matched)).toBe(expected);
  });
});
