import { describe, expect, it } from "vitest";
import type { ViewComparison } from "./check/doubt-psnr.ts";
import { judgeResult, type ResultFacts } from "./result-verdict.ts";

function views(
  heldOut: number | null,
  training: number,
  rows: readonly [string, number][] = [],
  coverage: ViewComparison["coverage"] = { badlyCovered: 0.05, near: [] },
): ViewComparison {
  return {
    coverage,
    ...{ heldOut, training, meanColour: 12, jpegCeiling: null, occluded: { frames: 0, of: 0 } },
    sheet: {
      ...{ file: "photos.webp", total: { width: 1, height: 1 }, width: 1, height: 1 },
      rows: rows.map(([frame, psnr]) => ({ frame, psnr })),
      contact: { top: 0, width: 1, height: 1, columns: 1, frames: [] },
    },
  };
}

const GOOD: ResultFacts = {
  train: { psnr: 28.4 },
  views: views(28, 30),
  capture: { registered: 60, verdict: "good", view_spacing_degrees: 6 },
};

describe("the verdict on the result", () => {
  it.each<[string, Partial<ResultFacts>, string, string]>([
    ["sharp everywhere", {}, "good", "28.4 dB"],
    ["without a comparison", { views: null }, "good", "28.4 dB"],
    [
      "sharp, with an exposure that jumps",
      { train: { psnr: 20, psnr_color_corrected: 29, exposure_spread: 0.2 }, views: views(28, 30) },
      "good",
      "29.0 dB",
    ],
    ["blurred", { train: { psnr: 21 }, views: views(21, 23) }, "weak", "blurred even near its views"],
    ["hardly right", { train: { psnr: 16 }, views: views(16, 18) }, "poor", "16.0 dB"],
    [
      "sharp at its views, wrong between them",
      { train: { psnr: 17 }, views: views(17, 29) },
      "poor",
      "training views are 12 dB better",
    ],
    [
      "overfit, and right between its views nevertheless: eleven photos of a fountain, 13° apart",
      {
        train: { psnr: 28.2, psnr_color_corrected: 28.2, exposure_spread: 0.05 },
        views: { ...views(28.1, 33.6), meanColour: 18.4 },
        capture: { registered: 11, verdict: "weak", view_spacing_degrees: 12.7 },
      },
      "good",
      "good between the views",
    ],
    [
      "the same, ten photos of a house, 14° apart",
      {
        train: { psnr: 26.4 },
        views: { ...views(26.0, 31.7), meanColour: 16.6 },
        capture: { registered: 10, verdict: "weak", view_spacing_degrees: 14.1 },
      },
      "good",
      "good between the views",
    ],
    [
      "much overfit: every fifth frame around a fox, doubled between the views",
      { train: { psnr: 24.3 }, views: views(24.3, 34.1) },
      "weak",
      "wrong in between",
    ],
    ["somewhat overfit", { train: { psnr: 24 }, views: views(24, 31) }, "weak", "wrong in between"],
    [
      "of views far apart",
      { train: { psnr: 17 }, views: views(17, 29), capture: { ...GOOD.capture, view_spacing_degrees: 22 } },
      "poor",
      "Neighbouring views are about 22° apart",
    ],
    [
      "of few views",
      { train: { psnr: 17 }, views: views(17, 29), capture: { ...GOOD.capture, registered: 20 } },
      "poor",
      "only 20 views",
    ],
    [
      "wrong in places",
      {
        train: { psnr: 20 },
        views: views(20, 28, [
          ["frame_00007.jpg", 13.2],
          ["frame_00020.jpg", 21],
        ]),
      },
      "weak",
      "Worst near frame_00007.jpg (13.2 dB).",
    ],
    [
      "of a weak capture",
      { train: { psnr: 20 }, views: views(20, 22), capture: { ...GOOD.capture, verdict: "weak" } },
      "weak",
      "The advice on the capture",
    ],
    [
      "of a room in which a woman walks before the camera",
      {
        train: { psnr: 18.6 },
        views: views(18.6, 22.6, [], { badlyCovered: 0.881, near: [] }),
        capture: { registered: 22, verdict: "weak", view_spacing_degrees: 3.4 },
      },
      "weak",
      "The advice on the capture says what to do.",
    ],
    [
      "of dark photos, whatever its PSNR",
      { train: { psnr: 42 }, views: { ...views(41, 42), meanColour: 29 } },
      "weak",
      "Light the scene",
    ],
    [
      "of dark photos, hardly right",
      { train: { psnr: 31 }, views: { ...views(31, 32), meanColour: 29 } },
      "poor",
      "so dark",
    ],
    [
      "of a fox in the dark, whose head is not in the splat",
      { train: { psnr: 29.9 }, views: { ...views(29.9, 30.0), meanColour: 21.7 } },
      "weak",
      "light the scene",
    ],
    [
      "of photos with little contrast, somewhat better than plain pictures",
      { train: { psnr: 25 }, views: { ...views(25, 26), meanColour: 20 } },
      "weak",
      "blurred even near its views",
    ],
    [
      "of photos with little contrast, much better than plain pictures",
      { train: { psnr: 32 }, views: { ...views(32, 33), meanColour: 20 } },
      "good",
      "good between the views",
    ],
    ["that shows nothing", { views: views(12, 12.2) }, "poor", "shows nothing"],
    [
      "with a doubtful PSNR",
      { train: { psnr: 40, psnr_doubt: "No." }, views: views(20, 21) },
      "weak",
      "20.0 dB",
    ],
    [
      "without held-out views",
      { train: { psnr: null }, views: views(null, 30) },
      "unknown",
      "No view was held out",
    ],
    [
      "good where it was filmed",
      { views: views(28, 30, [], { badlyCovered: 0.4, near: ["frame_00004.jpg"] }) },
      "good",
      "show 40 % of the scene, most of it near frame_00004.jpg.",
    ],
    [
      "blurred, and badly covered in places",
      { train: { psnr: 20 }, views: views(20, 22, [], { badlyCovered: 0.12, near: [] }) },
      "weak",
      "show 12 % of the scene.",
    ],
  ])("%s", (_, change, verdict, advice) => {
    const { result } = judgeResult({ ...GOOD, ...change });
    expect(result.verdict).toBe(verdict);
    expect(result.advice).toContain(advice);
  });

  it("says how much is badly covered, in words only where it is much", () => {
    const { result } = judgeResult(GOOD);
    expect(result.badly_covered).toBe(0.05);
    expect(result.advice).not.toContain("of the scene");
    expect(judgeResult({ ...GOOD, views: null }).result).not.toHaveProperty("badly_covered");
  });

  it.each([
    { frames: 3, of: 20, named: true },
    { frames: 2, of: 8, named: false },
    { frames: 3, of: 24, named: false },
  ])("names what hides the scene in $frames of $of frames: $named", ({ frames, of, named }) => {
    const change = { train: { psnr: 20 }, views: { ...views(20, 31), occluded: { frames, of } } };
    const { advice } = judgeResult({ ...GOOD, ...change }).result;
    expect(advice.includes(`In ${frames} of ${of} frames something hides the scene`)).toBe(named);
    expect(advice.includes("Film again when nothing moves, and nothing stands in the way.")).toBe(named);
  });

  it.each<[string, Partial<ResultFacts>, string]>([
    ["a good splat", {}, "right"],
    [
      "nine photos of a doll, with streaks between the views",
      { train: { psnr: 20 }, views: views(20.1, 31.1) },
      "wrong",
    ],
    [
      "the same, of enough views",
      { train: { psnr: 20 }, views: views(20, 31), capture: GOOD.capture },
      "unknown",
    ],
    [
      "a person who walks through a kitchen, of few views",
      { train: { psnr: 20 }, views: { ...views(20.1, 31.1), occluded: { frames: 7, of: 13 } } },
      "occluded",
    ],
    [
      "a good splat, before which something stood in some frames",
      { views: { ...views(28, 30), occluded: { frames: 7, of: 13 } } },
      "right",
    ],
    ["few views, blurred everywhere", { train: { psnr: 20 }, views: views(20, 23) }, "unknown"],
    ["few views, right at none of them", { views: views(12, 12.2) }, "unknown"],
  ])("tells what is between the views: %s", (_, change, between) => {
    const capture = { ...GOOD.capture, registered: 9 };
    expect(judgeResult({ ...GOOD, capture, ...change }).between).toBe(between);
  });
});
