import { describe, expect, it } from "vitest";
import { parseStageMinutes, STAGE_LIMITS, stageLimits } from "./stage-limits.ts";

describe("parseStageMinutes", () => {
  it.each([
    ["", {}],
    ["train=600", { train: 600 }],
    [" train = 600 , poses:0.5,", { train: 600, poses: 0.5 }],
    ["train=1,train=2", { train: 2 }],
  ])("reads %j", (text, minutes) => {
    expect(parseStageMinutes(text)).toEqual({ ok: true, minutes });
  });

  it.each(["training=600", "train", "train=", "train=0", "train=-1", "train=1h", "600"])(
    "refuses %j",
    (text) => {
      expect(parseStageMinutes(text)).toMatchObject({ ok: false, problem: expect.stringContaining(text) });
    },
  );
});

describe("stageLimits", () => {
  it("are the defaults, overridden by the settings", () => {
    expect(stageLimits({ poses: 2 }, { train: 600 })).toEqual({
      ...STAGE_LIMITS,
      poses: { ...STAGE_LIMITS.poses, maxSilenceMs: 120_000 },
      train: { ...STAGE_LIMITS.train, maxDurationMs: 36_000_000 },
    });
  });

  it("are what timers can count: whole milliseconds, fewer than 2^31", () => {
    const { maxSilenceMs, maxDurationMs } = stageLimits({ train: 0.00001 }, { train: 100_000 }).train;
    expect([maxSilenceMs, maxDurationMs]).toEqual([1, 2 ** 31 - 1]);
  });
});
