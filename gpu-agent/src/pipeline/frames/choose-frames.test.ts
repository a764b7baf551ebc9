import { describe, expect, it } from "vitest";
import { chooseFrames } from "./choose-frames.ts";

/** Candidates by what they show and how sharp they are. */
const candidates = (...list: readonly [shows: number, sharpness: number][]) =>
  list.map(([shows, sharpness]) => ({ blocks: Float32Array.from([shows * 10]), sharpness }));

describe("chooseFrames", () => {
  it("takes the sharpest of each window", () => {
    const pictures = candidates([1, 1], [2, 5], [3, 1], [4, 1]);
    expect(
      chooseFrames(
        [
          [0, 1],
          [2, 3],
        ],
        pictures,
      ),
    ).toEqual({ frames: [1, 2], repeats: 0, missing: 0 });
  });

  it("leaves out windows that only repeat the frame before", () => {
    const pictures = candidates([1, 1], [1, 1], [1, 1], [2, 1], [2, 1]);
    expect(chooseFrames([[0], [1], [2], [3], [4]], pictures)).toEqual({
      frames: [0, 3],
      repeats: 3,
      missing: 0,
    });
  });

  it("takes another picture of a window that begins with a repeat", () => {
    const pictures = candidates([1, 1], [2, 1], [2, 9], [3, 1]);
    expect(
      chooseFrames(
        [
          [0, 1],
          [2, 3],
        ],
        pictures,
      ).frames,
    ).toEqual([0, 2]);
    expect(chooseFrames([[0], [1], [2, 3]], pictures).frames).toEqual([0, 1, 3]);
  });

  it("takes a picture again that comes back later", () => {
    expect(chooseFrames([[0], [1], [2]], candidates([1, 1], [2, 1], [1, 1])).frames).toEqual([0, 1, 2]);
  });

  it("counts the windows whose pictures are missing", () => {
    expect(chooseFrames([[0, 1], [2, 3], [4]], candidates([1, 1], [2, 1], [3, 1]))).toEqual({
      frames: [0, 2],
      repeats: 0,
      missing: 1,
    });
  });
});
