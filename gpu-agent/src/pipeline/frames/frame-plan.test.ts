import { describe, expect, it } from "vitest";
import { FRAME_LIMITS, frameSize, planFrames } from "./frame-plan.ts";
import type { VideoInfo, VideoTimes } from "./probe.ts";

const INFO: VideoInfo = {
  stream: 0,
  codec: "h264",
  width: 1920,
  height: 1080,
  transfer: "sdr",
  matrix: "bt709",
  interlaced: false,
  indexedFrames: 300,
  fileStart: 0,
};
const TIMES: VideoTimes = { frames: 300, start: 0, end: 10, interval: 1 / 30 };
const LIMITS = FRAME_LIMITS;
const ALL = { fps: 4, start_sec: 0, end_sec: null };

describe("planFrames", () => {
  it.each([
    [{}, { start: 0, end: 10, fps: 4, count: 40 }],
    [{ start_sec: 2 }, { start: 2, end: 10, count: 32 }],
    [
      { start_sec: 2, end_sec: 5 },
      { start: 2, end: 5, count: 12 },
    ],
    [{ end_sec: 99 }, { end: 10, count: 40 }],
    [
      { start_sec: 2.13, end_sec: 7.98, fps: 3 },
      { start: 2.13, end: 7.98, count: 18 },
    ],
    [{ fps: 0.8 }, { count: 8 }],
    [{ fps: 29.97 }, { count: 300 }],
  ])("%j", (options, expected) => {
    const plan = planFrames(INFO, TIMES, { ...ALL, ...options }, LIMITS);
    expect(plan).toMatchObject({ ok: true, value: { ...expected, notes: [] } });
  });

  it("spreads at most so many frames over the range, and says so", () => {
    const plan = planFrames(INFO, TIMES, { ...ALL, fps: 30 }, { ...LIMITS, maxFrames: 100 });
    expect(plan).toMatchObject({ ok: true, value: { count: 100, fps: 10, start: 0, end: 10 } });
    expect(plan.ok && plan.value.notes).toEqual([
      "300 frames at 30 fps are too many; 100 were taken, evenly spread.",
    ]);
  });

  it("says when frames repeat", () => {
    const plan = planFrames(INFO, TIMES, { ...ALL, fps: 60, end_sec: 2 }, LIMITS);
    expect(plan).toMatchObject({ ok: true, value: { count: 120 } });
    expect(plan.ok && plan.value.notes[0]).toContain("30 pictures a second");
  });

  it.each([
    ["all that a fast video has", {}, 3, 120],
    ["what a slow one has", { fps: 12 }, 2, 240],
    ["the only one", { fps: 16 }, 1, 160],
    ["the only one, which repeats", { fps: 60, end_sec: 2 }, 1, 120],
    ["none past the end of a range that ends within a frame's time", { end_sec: 2.4 }, 3, 29],
    ["none past an end that rounding moved", { end_sec: 2.15 }, 3, 26],
  ])("looks for each frame at %s", (_, options, perFrame, candidates) => {
    const plan = planFrames(INFO, TIMES, { ...ALL, ...options }, LIMITS);
    expect(plan).toMatchObject({ ok: true, value: { perFrame, candidates } });
  });

  it("looks half a picture late, and never past the next frame", () => {
    expect(planFrames(INFO, TIMES, ALL, LIMITS)).toMatchObject({ value: { lead: 1 / 60 } });
    expect(planFrames(INFO, TIMES, { ...ALL, fps: 60, end_sec: 2 }, LIMITS)).toMatchObject({
      value: { lead: 1 / 120 },
    });
  });

  it.each([
    ["a start at the end", { start_sec: 10 }, "time_range_empty"],
    ["a start past the end", { start_sec: 11 }, "time_range_empty"],
    ["an end before the start", { start_sec: 3, end_sec: 2 }, "time_range_empty"],
    ["a range that is too short", { end_sec: 1.8 }, "too_few_frames"],
    ["a rate that is too low", { fps: 0.7 }, "too_few_frames"],
  ])("names %s", (_, options, code) => {
    const plan = planFrames(INFO, TIMES, { ...ALL, ...options }, LIMITS);
    expect(plan).toMatchObject({ ok: false, error: { code } });
  });

  it.each([
    ["one pixel", { width: 1, height: 1 }],
    ["a thread", { width: 1920, height: 31 }],
    ["more than any memory holds", { width: 30000, height: 30000 }],
  ])("names pictures of %s", (_, size) => {
    const plan = planFrames({ ...INFO, ...size }, TIMES, ALL, LIMITS);
    expect(plan).toMatchObject({ ok: false, error: { code: "video_size_unsupported" } });
  });

  it("does not make many frames of few pictures, however long they claim to be shown", () => {
    const plan = planFrames(
      { ...INFO, indexedFrames: 2 },
      { frames: 2, start: 0, end: 1e9, interval: 1e9 },
      ALL,
      LIMITS,
    );
    expect(plan).toMatchObject({ ok: false, error: { code: "too_few_frames" } });
  });

  it("names a file of which most is missing, and works with one of which most is there", () => {
    const cut = (frames: number) => planFrames(INFO, { ...TIMES, frames, end: frames / 30 }, ALL, LIMITS);
    expect(cut(149)).toMatchObject({ ok: false, error: { code: "video_corrupt" } });
    expect(cut(150)).toMatchObject({ ok: true, value: { count: 20 } });
  });
});

describe("frameSize", () => {
  it.each([
    [1920, 1080, 1600, 1600, 900],
    [1080, 1920, 1600, 900, 1600],
    [3840, 2160, 1600, 1600, 900],
    [640, 480, 1600, 640, 480],
    [641, 481, 1600, 640, 480],
    [1600, 900, 1600, 1600, 900],
    [1000, 3, 100, 100, 2],
  ])("%i×%i within %i is %i×%i", (width, height, max, w, h) => {
    expect(frameSize({ width, height }, max)).toEqual({ width: w, height: h });
  });
});
