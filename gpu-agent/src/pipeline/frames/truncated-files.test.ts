import { describe, expect, it } from "vitest";
import {
  MPEG4,
  MXF,
  notesOn,
  notesOnChanged,
  notesOnCut,
  notesOnHole,
  SIZED,
  UNSIZED,
} from "./testing/damaged-file.ts";
import { ffmpegOnPath } from "./testing/ffmpegs.ts";

/** Files that are not whole, one for each way to find it out; truncated-files.full.test.ts has the other containers. */

describe.skipIf(ffmpegOnPath() === null)("a truncated file is named as that", { timeout: 60_000 }, () => {
  it("with the share that it holds, where the container says where it ends", async () => {
    expect(await notesOn(SIZED.avi, 1)).not.toContain("truncated");
    expect(await notesOn(SIZED.avi, 0.6)).toContain("The file is truncated: it holds 60 % of the video.");
  });

  // Of these, only the first is found by where its last packet ends.
  it.each(["an MPEG transport stream", "a fragmented MP4"] as const)(
    "without a share, where it does not, as in %s",
    async (container) => {
      expect(await notesOn(UNSIZED[container], 0.601)).toMatch(
        /The file is truncated: its end is missing\.$/,
      );
    },
  );

  it("but not one with something after its end", async () => {
    expect(await notesOn([...MPEG4, "-f", "mp4"], 1, Buffer.alloc(1000, 9))).toBe("");
  });

  it("where an interrupted download left zeros", async () => {
    expect(await notesOnHole([...MPEG4, "-movflags", "+faststart", "-f", "mp4"], 0.7, 1)).toContain(
      "The file ends in zeros",
    );
  });
});

describe.skipIf(ffmpegOnPath() === null)("in other ways", { timeout: 60_000 }, () => {
  it("a second video that follows in the file is named", async () => {
    const note = await notesOnChanged(SIZED.flv, (bytes) => Buffer.concat([bytes, bytes]));
    expect(note).toMatch(/^The file contains several videos, one after the other/);
  });

  it("a hole in the middle is named by what follows it", async () => {
    expect(await notesOnHole(UNSIZED["a fragmented MP4"], 0.65, 0.8)).toMatch(
      /damaged after [67]\d % of its bytes: what follows/,
    );
  });

  it("a part that is missing from the middle is named by the clock", async () => {
    expect(await notesOnCut(MXF, 0.4, 0.6)).toMatch(
      /A part of the file is missing or damaged: it holds [78]\d % of the video/,
    );
    expect(await notesOnHole(MXF, 1, 1)).toBe("");
  });
});
