import { describe, expect, it } from "vitest";
import { type CaptureFacts, captureReport } from "./capture-report.ts";

const GOOD: CaptureFacts = {
  frames: 50,
  registered: 50,
  points: 5000,
  meanReprojectionError: 0.7,
  longSide: 960,
  passes: [{ pass: "first", seconds: 40, registered: 50, kept: true }],
  up: { side: "top", source: "cameras", confidence: 0.8 },
  coverage: 0.9,
  spacing: { degrees: 6, lonely: [], travel: 2 },
  still: 0.01,
  places: false,
  parallax: 20,
  gap: null,
  video: { fps: 4, startSec: 10 },
  videos: [],
  notes: [],
};

describe("captureReport", () => {
  it.each<[Partial<CaptureFacts>, string, string]>([
    [{}, "good", "50 of 50 frames could be placed. The capture is good."],
    [{ registered: 40 }, "good", "40 of 50"],
    [{ registered: 39 }, "weak", "parts of the video are missing"],
    [{ registered: 15 }, "weak", "Only 15 of 50"],
    [{ registered: 14 }, "unusable", "Only 14 of 50"],
    [{ frames: 8, registered: 7 }, "unusable", "Only 7 of 8"],
    [{ frames: 8, registered: 8 }, "good", "8 of 8"],
    [{ registered: 0, points: 0, meanReprojectionError: null }, "unusable", "Only 0 of 50"],
    [{ meanReprojectionError: 1.6 }, "weak", "agree poorly"],
    [{ meanReprojectionError: 1.9, longSide: 1600 }, "good", "good"],
    [{ meanReprojectionError: 1.4, longSide: 320 }, "good", "good"],
    [{ points: 999 }, "weak", "more texture"],
    [
      {
        passes: [
          { pass: "first", seconds: 40, registered: 30, kept: false },
          { pass: "missing_frames", seconds: 9, registered: 50, kept: true },
        ],
      },
      "good",
      "A further pass was needed, which matched the missing frames with all others: 50 frames in place of 30.",
    ],
    [{ coverage: 0.59 }, "weak", "Only part of each picture could be used"],
    [{ coverage: 0.6 }, "good", "The capture is good."],
    [{ parallax: 2.9, spacing: { degrees: 2, lonely: [], travel: 0.1 } }, "weak", "The camera hardly moved"],
    [{ parallax: 2.9 }, "weak", "their distance is uncertain"],
    [{ still: 0.2 }, "weak", "walk around it"],
    [{ still: null }, "good", "The capture is good."],
    [{ spacing: { degrees: 19.7, lonely: [], travel: 2 } }, "weak", "about 20° apart"],
    [{ spacing: { degrees: 6, lonely: ["IMG_7.jpg"], travel: 2 } }, "good", "Few views are near IMG_7.jpg"],
    [{ frames: 32, registered: 24, points: 312 }, "unusable", "no more than 312 points"],
    [{ frames: 32, registered: 24, points: 400 }, "weak", "more texture"],
    [{ frames: 400, registered: 400, points: 700 }, "weak", "more texture"],
    [{ registered: 25, places: true }, "weak", "separate places with nothing in common"],
    [{ registered: 46, gap: { from: 4, to: 8 } }, "weak", "The video from 11.0 s to 12.0 s is missing."],
    [{ registered: 42, gap: { from: 42, to: 50 } }, "weak", "The video from 20.5 s to the end is missing."],
    [{ registered: 47, gap: { from: 4, to: 7 } }, "good", "47 of 50"],
    [{ frames: 100, registered: 93, gap: { from: 4, to: 11 } }, "good", "93 of 100"],
    [{ registered: 30, gap: { from: 30, to: 50 } }, "weak", "send it as a separate job"],
    [{ registered: 10, video: null }, "unusable", "Only 10 of 50 photos could be placed. Take more photos"],
    [{ registered: 30, video: null, gap: { from: 30, to: 50 } }, "weak", "Take more photos between them."],
    [{ notes: ["Frames repeat."] }, "good", "The capture is good. Frames repeat."],
  ])("%j is %s: %s", (change, verdict, advice) => {
    const report = captureReport({ ...GOOD, ...change });
    expect(report.verdict).toBe(verdict);
    expect(report.advice).toContain(advice);
  });
});

describe("of several videos", () => {
  const videos = (...registered: number[]) => ({
    video: null,
    videos: registered.map((count, i) => ({ name: `${i}.mp4`, frames: 25, registered: count })),
  });

  it.each([
    [[25, 20], "good", "50 of 50 frames could be placed. The capture is good."],
    [[25, 19], "weak", 'Only 19 of 25 frames of "1.mp4" are in the result.'],
    [[0, 25], "weak", '"0.mp4" is not in the result: none of its 25 frames matches the rest.'],
  ] as const)("with %j placed of 25 each", (registered, verdict, advice) => {
    const report = captureReport({ ...GOOD, ...videos(...registered) });
    expect(report).toMatchObject({
      verdict,
      videos: [{ registered: registered[0] }, { registered: registered[1] }],
    });
    expect(report.advice).toContain(advice);
  });
});
