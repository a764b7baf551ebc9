import { describe, expect, it } from "vitest";
import { type Footage, FRAME_LIMITS, planFrames } from "./frame-plan.ts";
import { frameSize } from "./frame-size.ts";

/** Pictures at an even pace. */
function footage(rate: number, lasts: number): Footage {
  const times = Float64Array.from({ length: Math.round(rate * lasts) }, (_, i) => i / rate);
  return { times, end: lasts, usable: { from: 0, to: times.length } };
}

const TEN_SECONDS = footage(30, 10);
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
  ])("%j", (options, { count, ...expected }) => {
    const plan = planFrames(TEN_SECONDS, { ...ALL, ...options }, LIMITS);
    expect(plan).toMatchObject({ ok: true, value: { ...expected, notes: [] } });
    expect(plan.ok && plan.value.windows.length).toBe(count);
  });

  it("spreads the maximum number of frames over the range, with a note", () => {
    const plan = planFrames(TEN_SECONDS, { ...ALL, fps: 30 }, { ...LIMITS, maxFrames: 100 });
    expect(plan).toMatchObject({ ok: true, value: { fps: 10, start: 0, end: 10 } });
    expect(plan.ok && plan.value.windows.length).toBe(100);
    expect(plan.ok && plan.value.notes).toEqual([
      "300 frames at 30 fps exceed the limit; 100 were taken, evenly spread.",
    ]);
  });

  it("takes each picture once when the video has fewer than requested, with a note", () => {
    const plan = planFrames(TEN_SECONDS, { ...ALL, fps: 60, end_sec: 2 }, LIMITS);
    expect(plan.ok && plan.value.windows).toEqual(Array.from({ length: 60 }, (_, i) => [i]));
    expect(plan.ok && plan.value.notes).toEqual([
      "The video has only 60 pictures for 120 frames; each was taken once.",
    ]);
  });

  it("takes a picture once, however long it is shown", () => {
    const times = Float64Array.from([0, 0.25, 0.5, 5, 5.25, 5.5, 5.75, 6, 6.25, 6.5]);
    const plan = planFrames({ times, end: 7, usable: { from: 0, to: times.length } }, ALL, LIMITS);
    expect(plan.ok && plan.value.windows.flat()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it.each([
    ["all that a fast video has", {}, 3, 120],
    ["what a slow one has", { fps: 12 }, 2, 240],
    ["the only one", { fps: 16 }, 1, 160],
    ["none past the end of a range that ends within a frame's time", { end_sec: 2.4 }, 3, 29],
    ["none past an end that rounding moved", { end_sec: 2.15 }, 3, 26],
  ])("compares for each frame %s", (_, options, perFrame, candidates) => {
    const plan = planFrames(TEN_SECONDS, { ...ALL, ...options }, LIMITS);
    expect(plan.ok && plan.value.windows[0]).toHaveLength(perFrame);
    expect(plan.ok && plan.value.windows.flat()).toHaveLength(candidates);
  });

  it("takes the nearest picture where time stamps were rounded to milliseconds", () => {
    const exact = footage(30, 10);
    const rounded = { ...exact, times: exact.times.map((time) => Math.round(time * 1000) / 1000) };
    const [a, b] = [exact, rounded].map((video) => planFrames(video, { ...ALL, fps: 5 }, LIMITS));
    expect(b).toEqual(a);
  });

  it("stays within the pictures that are usable", () => {
    const plan = planFrames({ ...TEN_SECONDS, usable: { from: 90, to: 180 } }, ALL, LIMITS);
    expect(plan).toMatchObject({ ok: true, value: { start: 3, end: 6 } });
    const pictures = plan.ok ? plan.value.windows.flat() : [];
    expect([pictures.at(0), pictures.at(-1)]).toEqual([90, 178]);
  });

  it("begins with the first picture where sound comes before it", () => {
    const late = TEN_SECONDS.times.map((time) => time + 2);
    const plan = planFrames({ ...TEN_SECONDS, times: late, end: 12 }, ALL, LIMITS);
    expect(plan).toMatchObject({ ok: true, value: { start: 2, end: 12 } });
    expect(plan.ok && plan.value.windows).toHaveLength(40);
  });

  it.each([
    ["a start at the end", { start_sec: 10 }, "time_range_empty"],
    ["a start past the end", { start_sec: 11 }, "time_range_empty"],
    ["an end before the start", { start_sec: 3, end_sec: 2 }, "time_range_empty"],
    ["a range that is too short", { end_sec: 1.8 }, "too_few_frames"],
    ["a rate that is too low", { fps: 0.7 }, "too_few_frames"],
  ])("names %s", (_, options, code) => {
    const plan = planFrames(TEN_SECONDS, { ...ALL, ...options }, LIMITS);
    expect(plan).toMatchObject({ ok: false, error: { code } });
  });

  it("does not make many frames of few pictures, however long they claim to be shown", () => {
    const two = { times: Float64Array.from([0, 1e9]), end: 2e9, usable: { from: 0, to: 2 } };
    expect(planFrames(two, ALL, LIMITS)).toMatchObject({ ok: false, error: { code: "too_few_frames" } });
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
