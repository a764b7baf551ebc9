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

/** The containers that truncated-files.test.ts leaves out. */

describe.skipIf(ffmpegOnPath() === null)("a truncated file is named as that", { timeout: 60_000 }, () => {
  it.each(Object.entries(SIZED).filter(([name]) => name !== "avi"))(
    "%s, with the share that it holds",
    async (_, output) => {
      expect(await notesOn(output, 1)).not.toContain("truncated");
      expect(await notesOn(output, 0.6)).toContain("The file is truncated: it holds 60 % of the video.");
    },
  );

  it("a transport stream with something after its end is not truncated", async () => {
    expect(await notesOn([...MPEG4, "-f", "mpegts"], 1, Buffer.alloc(1000, 9))).toBe("");
  });

  // corpus.test.ts has whole ones.
  it.each(Object.entries(UNSIZED).filter(([name]) => !/transport|fragmented/.test(name)))(
    "%s, without a share",
    async (_, output) => {
      expect(await notesOn(output, 0.601)).toMatch(/The file is truncated: its end is missing\.$/);
    },
  );

  it.each([
    ["a transport stream", [...MPEG4, "-f", "mpegts"]],
    ["Matroska", [...MPEG4, "-f", "matroska"]],
  ])("%s that an interrupted download left with zeros", async (_, output) => {
    expect(await notesOnHole(output, 0.7, 1)).toContain("The file ends in zeros");
  });
});

it.skipIf(ffmpegOnPath() === null).each([
  ["MP4", [...MPEG4, "-f", "mp4"]],
  ["ASF", SIZED.asf],
] as const)("a second %s that follows in the file is named", { timeout: 60_000 }, async (_, output) => {
  const note = await notesOnChanged(output, (bytes) => Buffer.concat([bytes, bytes]));
  expect(note).toMatch(/^The file contains several videos, one after the other/);
});

describe.skipIf(ffmpegOnPath() === null)("a hole in the middle is named", { timeout: 60_000 }, () => {
  it.each([
    ["AVI", SIZED.avi, /A part of the file is missing or damaged: it holds [78]\d % of the video/],
    ["Ogg", UNSIZED.Ogg, /A part of the file is missing or damaged: it holds [5-7]\d % of the video/],
  ] as const)("in %s", async (_, output, note) => {
    expect(await notesOnHole(output, 0.65, 0.8)).toMatch(note);
  });

  it.each([
    ["an AVI that was cut in two", notesOnCut, SIZED.avi],
    ["an MXF with zeros", notesOnHole, MXF],
  ] as const)("in %s", async (_, notesOnDamaged, output) => {
    expect(await notesOnDamaged(output, 0.4, 0.6)).toMatch(
      /A part of the file is missing or damaged: it holds [78]\d % of the video/,
    );
  });
});
