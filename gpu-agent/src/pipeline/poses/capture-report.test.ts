import { describe, expect, it } from "vitest";
import type { CaptureFacts } from "./capture-facts.ts";
import { captureReport } from "./capture-report.ts";

const GOOD: CaptureFacts = {
  frames: 50,
  registered: 50,
  points: 5000,
  meanReprojectionError: 0.7,
  longSide: 960,
  passes: [{ pass: "first", seconds: 40, registered: 50, kept: true }],
  up: { side: "top", source: "cameras", confidence: 0.8 },
  scale: null,
  coverage: 0.9,
  spacing: { degrees: 6, lonely: [], travel: 2 },
  still: 0.01,
  moving: null,
  pictures: null,
  places: false,
  given: false,
  parallax: 20,
  stretches: [],
  missingPhotos: null,
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
    [{ meanReprojectionError: 1.6, given: true }, "weak", "fit the given cameras poorly"],
    [{ registered: 20, frames: 20, points: 270 }, "unusable", "they fit by chance"],
    [{ registered: 20, frames: 20, points: 270, given: true }, "weak", "Few points were found"],
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
    [{ pictures: "dark" }, "weak", "so dark that parts of the subject are lost"],
    [{ pictures: "blurred" }, "weak", "as blurred as they are"],
    [
      { pictures: "dark", registered: 3 },
      "unusable",
      "Only 3 of 50 frames could be placed. The pictures are so dark",
    ],
    [{ coverage: 0.59 }, "weak", "Only part of each picture could be used"],
    [{ coverage: 0.6 }, "good", "The capture is good."],
    [{ parallax: 2.9, spacing: { degrees: 2, lonely: [], travel: 0.1 } }, "weak", "The camera hardly moved"],
    [{ parallax: 2.9 }, "weak", "their distance is uncertain"],
    [{ still: 0.2 }, "weak", "walk around it"],
    [
      { scale: { metres_per_unit: 12.3456, source: "positions", confidence: 0.9 } },
      "good",
      "By the photos' GPS positions, one unit is 12.3 m.",
    ],
    [
      { moving: { frames: 12, share: 0.062, most: [] } },
      "good",
      "Something moves in 12 of 50 frames, on 6 % of the pictures",
    ],
    // A hand-held camera that follows a woman through a room: she is a ghost in the result.
    [
      {
        ...{ frames: 22, registered: 22, points: 1132, meanReprojectionError: 0.86 },
        moving: { frames: 20, share: 0.039, most: [] },
      },
      "weak",
      "has ghosts there. Film again when nothing moves.",
    ],
    [{ moving: { frames: 25, share: 0.039, most: [] } }, "good", "The capture is good."],
    [{ still: null }, "good", "The capture is good."],
    [{ spacing: { degrees: 19.7, lonely: [], travel: 2 } }, "weak", "about 20° apart"],
    // Nine photos around a bronze statue: 17.3 dB on held-out views, and the wall behind it is wrong between them.
    [
      {
        ...{ frames: 9, registered: 9, points: 397, meanReprojectionError: 0.61, missingPhotos: [] },
        spacing: { degrees: 13.1, lonely: [], travel: 2 },
      },
      "weak",
      "about 13° apart",
    ],
    [{ spacing: { degrees: 11.4, lonely: [], travel: 2 } }, "good", "The capture is good."],
    [{ spacing: { degrees: 6, lonely: ["IMG_7.jpg"], travel: 2 } }, "good", "Few views are near IMG_7.jpg"],
    [{ frames: 32, registered: 24, points: 312 }, "unusable", "no more than 312 points"],
    [{ frames: 32, registered: 24, points: 400 }, "weak", "more texture"],
    [{ frames: 400, registered: 400, points: 700 }, "weak", "more texture"],
    [{ registered: 25, places: true }, "weak", "separate places with nothing in common"],
    [
      { registered: 46, stretches: [{ from_sec: 11.0, to_sec: 12.0, frames: 4 }] },
      "weak",
      "The video from 11.0 s to 12.0 s is missing.",
    ],
    [
      { registered: 42, stretches: [{ from_sec: 20.5, to_sec: null, frames: 8 }] },
      "weak",
      "The video from 20.5 s to the end is missing.",
    ],
    [{ registered: 47, stretches: [{ from_sec: 11.0, to_sec: 11.75, frames: 3 }] }, "good", "47 of 50"],
    [
      { frames: 100, registered: 93, stretches: [{ from_sec: 11.0, to_sec: 12.75, frames: 7 }] },
      "good",
      "93 of 100",
    ],
    [
      { registered: 30, stretches: [{ from_sec: 17.5, to_sec: null, frames: 20 }] },
      "weak",
      "send it as a separate job",
    ],
    [
      { registered: 10, missingPhotos: ["a.jpg"] },
      "unusable",
      "Only 10 of 50 photos could be placed. Take more photos",
    ],
    [{ registered: 30, missingPhotos: ["a.jpg", "b.jpg"] }, "weak", "Take more photos between them."],
    [{ registered: 48, missingPhotos: ["a.jpg", "b.jpg"] }, "good", 'Missing: "a.jpg" and "b.jpg".'],
    [
      { registered: 45, missingPhotos: ["a", "b", "c", "d", "e"] },
      "good",
      'Missing: "a", "b", "c" and 2 others.',
    ],
    [
      {
        registered: 38,
        stretches: [
          { from_sec: 1, to_sec: 2, frames: 4 },
          { from_sec: 3, to_sec: 3.25, frames: 1 },
          { from_sec: 8, to_sec: null, frames: 7 },
        ],
      },
      "weak",
      "The video from 1.0 s to 2.0 s and from 8.0 s to the end is missing.",
    ],
    [{ notes: ["Frames repeat."] }, "good", "The capture is good. Frames repeat."],
  ])("%j is %s: %s", (change, verdict, advice) => {
    const report = captureReport({ ...GOOD, ...change });
    expect(report.verdict).toBe(verdict);
    expect(report.advice).toContain(advice);
  });

  // Eleven photos of a fountain, 13° apart: right between the views.
  it.each<[Partial<CaptureFacts>, string, string]>([
    [
      {},
      "good",
      "about 13° apart, which was enough for this scene; every 5° to 10° is safer. The capture is good.",
    ],
    [{ coverage: 0.5 }, "weak", "Only part of each picture could be used"],
  ])(
    "with views far apart that the splat has proved to be enough, and %j, is %s",
    (change, verdict, advice) => {
      const facts = { ...GOOD, ...change, spacing: { degrees: 12.7, lonely: [], travel: 2 } };
      const report = captureReport(facts, "right");
      expect(report.verdict).toBe(verdict);
      expect(report.advice).toContain(advice);
      expect(report.advice).not.toContain("guess between");
      expect(captureReport(facts).verdict).toBe("weak");
    },
  );

  // Nine photos of a doll, 10° apart: the things behind it are wrong between the views.
  it("is weak where the splat is wrong between few views", () => {
    const report = captureReport({ ...GOOD, frames: 9, registered: 9, missingPhotos: [] }, "wrong");
    expect(report).toMatchObject({
      verdict: "weak",
      advice:
        "9 of 9 photos could be placed. The result is wrong between the views: 9 are too few for this scene. Take more, from between them.",
    });
    expect(
      captureReport({ ...GOOD, spacing: { degrees: 20, lonely: [], travel: 2 } }, "wrong").advice,
    ).not.toContain("too few");
  });

  it("is weak where something hides the scene that the matches did not show to move", () => {
    const hides = "In many frames something hides the scene";
    expect(captureReport(GOOD, "occluded")).toMatchObject({
      verdict: "weak",
      advice: expect.stringContaining(hides),
    });
    const moving = { frames: 5, share: 0.05, most: [] };
    const report = captureReport({ ...GOOD, moving }, "occluded");
    expect(report).toMatchObject({
      verdict: "weak",
      advice: expect.stringContaining("Something moves in 5"),
    });
    expect(report.advice).not.toContain(hides);
  });

  it("lists what is missing", () => {
    const stretches = [{ from_sec: 1, to_sec: null, frames: 12 }];
    expect(captureReport({ ...GOOD, registered: 38, stretches })).toMatchObject({
      missing_stretches: stretches,
    });
    const missingPhotos = ["a.jpg"];
    expect(captureReport({ ...GOOD, registered: 49, missingPhotos })).toMatchObject({
      missing_photos: ["a.jpg"],
    });
    expect(Object.keys(captureReport(GOOD)).filter((key) => key.startsWith("missing"))).toEqual([]);
  });
});

describe("of several videos", () => {
  const videos = (...registered: number[]) => ({
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

  it("says which part of a video is missing", () => {
    const stretches = [
      { video: "0.mp4", from_sec: 1, to_sec: 2, frames: 2 },
      { video: "1.mp4", from_sec: 3, to_sec: null, frames: 6 },
    ];
    expect(captureReport({ ...GOOD, ...videos(23, 19), stretches }).advice).toContain(
      'frames of "1.mp4" are in the result. Missing is what it shows from 3.0 s to the end.',
    );
  });
});
