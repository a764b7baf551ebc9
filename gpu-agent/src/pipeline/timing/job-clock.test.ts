import { STAGES, type StageName } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { JobClock, type JobClockOptions } from "./job-clock.ts";
import { initialSize } from "./job-size.ts";
import { remember, type StageRun } from "./stage-history.ts";

const SIZE = initialSize(
  "nerfstudio",
  { preset: "standard", iterations: 5000, fps: 4, start_sec: 0, end_sec: null },
  40e6,
);

const NO_OUTPUT = { output: null, files: [] };

/** A stage of a simulated job: seconds before its first progress, seconds after, and its progress over time. */
interface Plan {
  readonly preparing: number;
  readonly working: number;
  readonly fraction: (share: number) => number;
}
const even = (preparing: number, working: number): Plan => ({ preparing, working, fraction: (x) => x });
const JOB: { readonly [stage in StageName]: Plan } = {
  download: even(1, 4),
  frames: even(1, 6),
  poses: even(2, 90),
  // Half of the steps are done after a quarter of the time.
  train: { preparing: 50, working: 200, fraction: (x) => Math.sqrt(x) },
  export: even(20, 10),
  upload: even(0, 15),
};
const TOTAL = STAGES.reduce((sum, stage) => sum + JOB[stage].preparing + JOB[stage].working, 0);

interface Sample {
  readonly second: number;
  readonly percent: number;
  readonly eta: number;
}

/** Simulates a job on a virtual clock. @returns the job clock's readings each second, and the recorded stage runs */
function live(history: readonly StageRun[], speed = 1, options: Partial<JobClockOptions> = {}) {
  let seconds = 0;
  let learned = history;
  const clock = new JobClock({
    size: SIZE,
    history: () => learned,
    cores: 2,
    trainWait: () => 0,
    now: () => seconds * 1000,
    ...options,
  });
  const samples: Sample[] = [];
  const look = () => samples.push({ second: seconds, percent: clock.percent, eta: clock.etaSeconds });
  for (const stage of STAGES) {
    const { preparing, working, fraction } = JOB[stage];
    const began = seconds;
    clock.begin(stage, false);
    for (let t = 0; t < (preparing + working) / speed; t++) {
      seconds = began + t;
      const share = (t * speed - preparing) / working;
      clock.observe(stage, share <= 0 ? 0 : fraction(share));
      look();
    }
    seconds = began + (preparing + working) / speed;
    const output = stage === "frames" ? { count: 120, width: 1000, height: 1000 } : null;
    const run = clock.finish({ output, files: [] }, { stage, seconds: seconds - began, reused: false });
    if (run !== null) learned = remember(learned, run);
  }
  return { samples, history: learned, total: seconds };
}

/** The ETA's error relative to the time that was left, at shares of the job's time. */
function errors({ samples, total }: ReturnType<typeof live>): number[] {
  return [0.05, 0.25, 0.5, 0.75].map((share) => {
    const { second, eta } = samples[Math.round(share * total)] ?? { second: 0, eta: 0 };
    return Math.abs(eta - (total - second)) / (total - second);
  });
}

describe("JobClock", () => {
  it("predicts a second job like the first, in each of its stages", () => {
    const { history } = live([]);
    for (const error of errors(live(history))) expect(error).toBeLessThan(0.03);
  });

  it("adapts to a machine that has become twice as slow", () => {
    const { history } = live([]);
    const [, , half = 1, late = 1] = errors(live(history, 0.5));
    expect(half).toBeLessThan(0.5);
    expect(late).toBeLessThan(0.25);
  });

  it("expects the later stages on a busy processor to take longer too, but not those on the GPU", () => {
    const left = (engine: "builtin" | "nerfstudio", seconds: number) => {
      const size = { ...SIZE, engine, frames: 100 };
      const clock = new JobClock({ size, history: () => [], cores: 2, trainWait: () => 0, now: () => 0 });
      clock.begin("poses", false);
      clock.finish(NO_OUTPUT, { stage: "poses", seconds, reused: false });
      return clock.secondsLeft("train");
    };
    expect(left("builtin", 400)).toBeGreaterThan(1.5 * left("builtin", 85));
    expect(left("nerfstudio", 400)).toBe(left("nerfstudio", 85));
  });

  it("has progress that follows time and stays below 100 %", () => {
    const { history } = live([]);
    const { samples, total } = live(history);
    for (const { second, percent } of samples) {
      expect(Math.abs(percent - (100 * second) / total)).toBeLessThan(5);
      expect(percent).toBeLessThan(100);
    }
  });

  it("adds the wait for other jobs' training, less the job's own remaining preparation", () => {
    const { history } = live([]);
    const { samples } = live(history, 1, { trainWait: () => 500 });
    const first = samples[0];
    expect(first?.eta).toBeGreaterThan(500 + 200);
    expect(first?.eta).toBeLessThan(500 + TOTAL - 90);
  });

  it("counts a reused stage's time as passed, and does not record it", () => {
    const clock = new JobClock({ size: SIZE, history: () => [], cores: 2, trainWait: () => 0, now: () => 0 });
    expect(clock.percent).toBe(0);
    const before = clock.etaSeconds;
    expect(clock.finish(NO_OUTPUT, { stage: "download", seconds: 30, reused: true })).toBeNull();
    expect(clock.percent).toBeGreaterThan(0);
    expect(clock.etaSeconds).toBeLessThan(before);
  });

  it("counts the work of an interrupted run", () => {
    const clock = new JobClock({ size: SIZE, history: () => [], cores: 2, trainWait: () => 0, now: () => 0 });
    clock.begin("train", true);
    expect(clock.percent).toBe(0);
    const before = clock.secondsLeft("train");
    clock.observe("train", 0.9);
    expect(clock.secondsLeft("train")).toBeLessThan(0.2 * before);
    expect(clock.percent).toBeGreaterThan(30);
  });

  it("does not record a resumed stage", () => {
    const clock = new JobClock({ size: SIZE, history: () => [], cores: 2, trainWait: () => 0, now: () => 0 });
    clock.begin("train", true);
    clock.observe("train", 0.7);
    expect(clock.stagePercent).toBe(70);
    expect(clock.finish(NO_OUTPUT, { stage: "train", seconds: 30, reused: false })).toBeNull();
  });

  it("believes a stage that knows how long it still takes, and does not record such a run", () => {
    let seconds = 0;
    const clock = new JobClock({
      ...{ size: SIZE, cores: 2, history: () => [], trainWait: () => 0 },
      now: () => seconds * 1000,
      stages: ["poses"],
    });
    clock.begin("poses", false);
    clock.observe("poses", 0.5);
    seconds = 60;
    clock.observe("poses", 0.9, 300);
    expect(clock.etaSeconds).toBe(300);
    seconds = 100;
    expect(clock.etaSeconds).toBe(260);
    seconds = 500;
    expect(clock.etaSeconds).toBe(0);
    const timing = { stage: "poses", seconds: 500, reused: false } as const;
    expect(clock.finish(NO_OUTPUT, timing)).toBeNull();
  });

  it("ignores late progress of a finished stage", () => {
    const clock = new JobClock({ size: SIZE, history: () => [], cores: 2, trainWait: () => 0, now: () => 0 });
    clock.begin("frames", false);
    clock.observe("download", 1);
    expect(clock.stagePercent).toBe(0);
  });

  it("leaves out stages that the job does not have", () => {
    const options = { size: SIZE, history: () => [], cores: 2, trainWait: () => 0, now: () => 0 };
    const local = new JobClock({ ...options, stages: STAGES.filter((stage) => stage !== "upload") });
    expect(local.etaSeconds).toBeLessThan(new JobClock(options).etaSeconds);
  });
});
