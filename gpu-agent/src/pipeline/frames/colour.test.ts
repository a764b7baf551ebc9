import { describe, expect, it } from "vitest";
import { colourFilters, hiddenMatrix, namedColours, refusesColours } from "./colour.ts";

const VIDEO = { transfer: "sdr", matrix: null, width: 1920, height: 1080 } as const;

describe("colours that some versions of ffmpeg refuse", () => {
  it.each([
    ["7.0", "graph 0 input from stream 0:0: Invalid color range"],
    ["7.1", "Invalid color space"],
    ["7.1, a matrix without a name", "Value 100.000000 for parameter 'colorspace' out of range [0 - 17]"],
    ["9.0", "  Color spaces:"],
  ])("are recognised by the words of version %s", (_, line) => {
    expect(refusesColours(["Error while decoding", line])).toBe(true);
  });

  it("are not taken for another error", () => {
    expect(refusesColours(["Invalid data found when processing input"])).toBe(false);
  });

  it("are hidden from the decoder, in the stream too where ffmpeg can write it", () => {
    expect(hiddenMatrix("hevc").join(" ")).toBe(
      "-colorspace:v unknown -bsf:v hevc_metadata=matrix_coefficients=2",
    );
    expect(hiddenMatrix("mpeg4").join(" ")).toBe("-colorspace:v unknown");
  });

  it.each([
    ["reserved", "bt709"],
    ["ictcp", "bt2020nc"],
  ])("the matrix %s is called %s", (matrix, name) => {
    expect(namedColours({ ...VIDEO, matrix })).toEqual([
      `setparams=colorspace=${name}:color_primaries=unknown:color_trc=unknown`,
    ]);
  });

  it("keep the names of those that are converted", () => {
    expect(namedColours({ ...VIDEO, transfer: "pq", matrix: "bt2020nc" })).toEqual([]);
  });
});

it.each(["sdr", "hlg", "pq"] as const)(
  "each scale of %s video has the flags that ffmpeg 4.2 needs",
  (transfer) => {
    const scales = colourFilters({ ...VIDEO, transfer }, { width: 640, height: 360 }, true).filter((filter) =>
      filter.startsWith("scale="),
    );
    expect(scales.length).toBeGreaterThan(0);
    for (const scale of scales) expect(scale).toContain("accurate_rnd");
  },
);
