import { describe, expect, it } from "vitest";
import { expectStage, secondsLeft, slowdown } from "./expectation.ts";
import { initialSize, type JobSize } from "./job-size.ts";
import type { StageRun } from "./stage-history.ts";
import { STRAIGHT } from "./stage-shape.ts";

const OPTIONS = { preset: "standard", iterations: 1500, fps: 4, start_sec: 0, end_sec: null } as const;
const SIZE: JobSize = { ...initialSize("builtin", OPTIONS, null), frames: 50, pixels: 160_000 };

function poses(frames: number | null, working: number, change: Partial<StageRun> = {}): StageRun {
  return {
    stage: "poses",
    group: "standard",
    units: frames,
    preparing: 1,
    working,
    shape: [...STRAIGHT],
    ...change,
  };
}

describe("expectStage", () => {
  it("grows in proportion to the work, except for the preparation", () => {
    const past = [poses(100, 80, { preparing: 3 })];
    expect(expectStage("poses", SIZE, past, 2)).toEqual({ preparing: 3, working: 40, shape: STRAIGHT });
  });

  it("ignores an outlier", () => {
    const past = [
      poses(50, 40),
      poses(50, 900, { preparing: 600, shape: STRAIGHT.map(() => 1) }),
      poses(50, 44),
    ];
    expect(expectStage("poses", SIZE, past, 2)).toEqual({ preparing: 1, working: 44, shape: STRAIGHT });
  });

  it("is the median time when the work is not known", () => {
    const past = [poses(10, 10), poses(null, 30), poses(500, 400)];
    expect(expectStage("poses", { ...SIZE, frames: null }, past, 2).working).toBe(30);
  });

  it.each([
    ["another preset", { group: "high" }],
    ["another stage", { stage: "train" }],
  ] as const)("learns nothing from %s", (_, change) => {
    expect(expectStage("poses", SIZE, [poses(50, 1234, change)], 2)).toEqual(
      expectStage("poses", SIZE, [], 2),
    );
  });

  it("is the seed without a history: on the fox capture, about the time measured on two cores", () => {
    const seconds = (stage: "poses" | "train", cores: number) => {
      const { preparing, working } = expectStage(stage, SIZE, [], cores);
      return preparing + working;
    };
    expect(seconds("poses", 2)).toBeCloseTo(43, 0);
    expect(seconds("train", 2)).toBeCloseTo(45, 0);
    expect(seconds("train", 8)).toBeLessThan(seconds("train", 2) / 3);
  });
});

describe("secondsLeft", () => {
  const even = { preparing: 10, working: 100, shape: STRAIGHT };
  /** The first half of the steps takes a tenth of the time. */
  const late = { ...even, shape: [0.02, 0.04, 0.06, 0.08, 0.1, 0.28, 0.46, 0.64, 0.82] };
  const first = { fraction: 0, at: 10 };
  it.each([
    ["before its first report, by the expectation", even, { elapsed: 4, fraction: 0, first: null }, 106],
    ["when preparing takes longer", even, { elapsed: 60, fraction: 0, first: null }, 100],
    ["when it has just begun, by what is expected", even, { elapsed: 10, fraction: 0.0001, first }, 100],
    ["later by its own pace", even, { elapsed: 60, fraction: 0.5, first }, 50],
    ["later by its own pace, twice as slow", even, { elapsed: 110, fraction: 0.5, first }, 100],
    ["in between by both", even, { elapsed: 35, fraction: 0.125, first }, 0.5 * 87.5 + 0.5 * 175],
    ["by its pace along its shape", late, { elapsed: 20, fraction: 0.5, first }, 0.6 * 90 + 0.4 * 90],
    [
      "when it resumes in the middle",
      even,
      { elapsed: 30, fraction: 0.9, first: { fraction: 0.6, at: 0 } },
      10,
    ],
    ["at its end", even, { elapsed: 99, fraction: 1, first }, 0],
  ])("%s", (_, expectation, position, seconds) => {
    expect(secondsLeft(expectation, position)).toBeCloseTo(seconds, 1);
  });
});

describe("slowdown", () => {
  it.each([
    ["nothing is known", [], 1],
    ["all went as expected", [{ taken: 60, expected: 60 }], 1],
    ["a stage took four times as long: half of that is the machine's", [{ taken: 240, expected: 60 }], 2],
    ["a stage was four times as fast", [{ taken: 15, expected: 60 }], 0.5],
    ["a stage too short to count much was slow", [{ taken: 8, expected: 2 }], 4 ** 0.05],
    [
      "a short one was slow and a long one was not",
      [
        { taken: 8, expected: 2 },
        { taken: 100, expected: 100 },
      ],
      (108 / 102) ** 0.5,
    ],
    ["something was out of all proportion", [{ taken: 1e6, expected: 60 }], 4],
    ["nothing was expected", [{ taken: 5, expected: 0 }], 1],
  ])("when %s", (_, surprises, factor) => {
    expect(slowdown(surprises)).toBeCloseTo(factor, 10);
  });
});
