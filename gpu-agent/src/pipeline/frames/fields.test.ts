import { describe, expect, it } from "vitest";
import { DecodeLog } from "./decode-log.ts";
import { type Fields, fieldsOf } from "./fields.ts";

/** @param flags of a hundred pictures, repeated */
function log(flags: string, [topFirst, bottomFirst, progressive]: readonly number[] = [0, 0, 0]): DecodeLog {
  const found = new DecodeLog();
  for (let n = 0; n < 100; n++) {
    const line = `n: ${n} pts: ${n} pts_time:0 pos: 0 fmt:yuv420p sar:1/1 s:320x240 i:${flags[n % flags.length]} iskey:0 type:P`;
    found.add(`[showinfo@decoded @ 0x1] [info] ${line}`);
  }
  const looks = `TFF: ${topFirst} BFF:  ${bottomFirst} Progressive:  ${progressive} Undetermined:  0`;
  found.add(`[Parsed_idet_2 @ 0x1] [info] Multi frame detection: ${looks}`);
  return found;
}

describe("the fields of a video", () => {
  it.each<[string, DecodeLog, string, Fields]>([
    ["nothing says so", log("P", [0, 0, 100]), "h264", "none"],
    ["flags say so", log("T"), "h264", "flagged"],
    ["flags say so of a tenth", log("TPPPPPPPPP", [10, 0, 90]), "h264", "flagged"],
    ["the content shows top fields first", log("P", [80, 0, 15]), "h264", "top_first"],
    ["the content shows bottom fields first", log("P", [1, 95, 0]), "h264", "bottom_first"],
    ["detailed pictures look like both", log("P", [40, 38, 20]), "h264", "none"],
    ["detailed pictures look like one now and then", log("P", [53, 0, 28]), "h264", "none"],
    ["the flags alternate, and the codec has no interlaced pictures", log("TB"), "hevc", "separate"],
    ["the flags alternate, and the codec has interlaced pictures", log("TB"), "mpeg2video", "flagged"],
  ])("%s", (_, decoded, codec, expected) => {
    expect(fieldsOf(decoded, codec, "none")).toBe(expected);
  });

  it("stay as they were found by the detector, which does not run again", () => {
    expect(fieldsOf(log("P"), "h264", "bottom_first")).toBe("bottom_first");
    expect(fieldsOf(log("P"), "h264", "flagged")).toBe("none");
  });
});
