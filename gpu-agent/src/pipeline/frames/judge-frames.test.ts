import { describe, expect, it } from "vitest";
import { judgeDecoded } from "./judge-frames.ts";

describe("judgeDecoded", () => {
  it.each([
    [
      "the decoder's words, not ffmpeg's about itself",
      ["Invalid buffer size", "Terminating thread with return code -1"],
    ],
    ["the last of them", ["first", "Invalid buffer size"]],
    ["the only ones", ["Invalid buffer size"]],
  ])("quotes %s", (_, errors) => {
    expect(judgeDecoded(0, 100, errors)?.detail).toBe(
      "Only 0 of 100 pictures could be decoded. ffmpeg said: Invalid buffer size",
    );
  });

  it("quotes the last line when no line tells anything", () => {
    expect(judgeDecoded(0, 9, ["Conversion failed!"])?.detail).toMatch(/ffmpeg said: Conversion failed!$/);
  });

  it("accepts fewer pictures where ffmpeg says nothing", () => {
    expect(judgeDecoded(40, 100, [])).toBeNull();
    expect(judgeDecoded(40, 100, ["damaged"])?.code).toBe("video_corrupt");
    expect(judgeDecoded(0, 100, [])?.code).toBe("video_corrupt");
  });
});
