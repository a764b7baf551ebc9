import { describe, expect, it } from "vitest";
import { doubtPsnr, showsScene, type ViewComparison } from "./doubt-psnr.ts";

const SHEET: ViewComparison["sheet"] = {
  ...{ file: "photos.webp", total: { width: 2, height: 1 }, width: 1, height: 1, rows: [] },
  contact: { top: 0, columns: 1, width: 1, height: 1, frames: [] },
};
const HONEST: ViewComparison = {
  ...{
    heldOut: 29,
    training: 31,
    meanColour: 14,
    jpegCeiling: 42,
    sheet: SHEET,
    occluded: { frames: 0, of: 0 },
  },
  coverage: { badlyCovered: 0, near: [] },
};

describe("doubtPsnr", () => {
  it.each<[string, number | null, Partial<ViewComparison>, RegExp | null]>([
    ["an honest one", 30, {}, null],
    ["none", null, {}, null],
    ["one as good as the training frames", 30, { heldOut: 31.4 }, null],
    ["one above what the JPEGs allow", 42.1, {}, /above 42\.0 dB/],
    ["any of frames that are no JPEGs", 45, { heldOut: 40, training: 41, jpegCeiling: null }, null],
    ["held-out frames better than training", 34, { heldOut: 33 }, /\(33\.0 dB\) than .* \(31\.0 dB\)/],
    ["held-out frames better than training, when the engine measured none", null, { heldOut: 33 }, /better/],
    ["one that the exported splat does not have", 32, { heldOut: 12, training: 13 }, /has 12\.0 dB/],
    ["one without held-out frames", 32, { heldOut: null }, null],
  ])("judges %s", (_, reported, views, doubt) => {
    const found = doubtPsnr(reported, { ...HONEST, ...views });
    if (doubt === null) expect(found).toBeNull();
    else expect(found).toMatch(doubt);
  });
});

it("distinguishes a splat that shows the scene from one that shows nothing", () => {
  expect(showsScene(HONEST)).toBe(true);
  expect(showsScene({ ...HONEST, training: 14.5 })).toBe(false);
});
