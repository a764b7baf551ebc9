import { describe, expect, it } from "vitest";
import { etaSeconds, overallProgress, STAGES } from "./progress.ts";

const EXPECTED = { download: 10, frames: 10, poses: 20, train: 50, export: 5, upload: 5 };

describe("overallProgress", () => {
  it.each([
    ["download", 0, 0],
    ["download", 1, 10],
    ["poses", 0.5, 30],
    ["train", 0, 40],
    ["train", 0.5, 65],
    ["upload", 1, 99],
    ["train", -1, 40],
    ["train", 7, 90],
  ] as const)("%s at %f is %i %%", (stage, fraction, progress) => {
    expect(overallProgress(stage, fraction, EXPECTED)).toBe(progress);
  });

  it("never falls from stage to stage", () => {
    const way = STAGES.flatMap((stage) =>
      [0, 0.3, 0.9, 1].map((part) => overallProgress(stage, part, EXPECTED)),
    );
    expect(way).toEqual(way.toSorted((a, b) => a - b));
  });
});

describe("etaSeconds", () => {
  it.each([
    ["before anything is known, by what is expected", "train", 0, 0, 60],
    ["at the start of a stage, less what has passed", "train", 0.01, 20, 40],
    ["by the stage's own pace once that is known", "train", 0.5, 100, 110],
    ["in the last stage", "upload", 0.5, 1, 1],
  ] as const)("%s", (_, stage, fraction, elapsed, seconds) => {
    expect(etaSeconds(stage, fraction, elapsed, EXPECTED)).toBe(seconds);
  });
});
