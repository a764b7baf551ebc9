import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ClipFolder, checkClip } from "./testing/check-clip.ts";
import { CORPUS } from "./testing/corpus/corpus.ts";
import { ffmpegOnPath } from "./testing/ffmpegs.ts";

/** With the ffmpeg on the PATH; corpus.full.test.ts takes all kinds, with every ffmpeg that can be had. */
const installed = ffmpegOnPath();

/** A kind for each container, and for each part of the code that times, turns or cuts pictures. */
const TELLING = new Set([
  "an ordinary MP4",
  "Matroska, whose stamps are milliseconds",
  "a fragmented MP4",
  "a seek before a far key frame, in MPEG-TS",
  "trimmed without encoding: an edit list hides most of it",
  "a clock that jumps, in MPEG-TS",
  "an MP4 whose codec changes",
  "an AVI with dropped frames",
  "a size that changes",
  "a phone that is turned while it films",
  "cropped by the container (clap)",
  "interlaced",
  "interlaced, which nothing says",
  "colours of BT.709",
  "gaps, as in a recording of a screen",
]);
const clips = CORPUS.filter(({ kind }) => TELLING.has(kind));

describe.skipIf(installed === null)(
  "the frames of each kind of video, by content",
  { timeout: 60_000 },
  () => {
    let dir = "";
    let folder: ClipFolder;

    beforeAll(async () => {
      dir = await mkdtemp(join(tmpdir(), "splatt-corpus-"));
      folder = new ClipFolder(dir);
    });

    afterAll(() => rm(dir, { recursive: true, force: true }));

    it("are all in the corpus", () => expect(clips).toHaveLength(TELLING.size));

    it.each(clips.map((clip) => [clip.kind, clip] as const))("%s", async (_, clip) => {
      if (installed) await checkClip(folder, clip, installed);
    });
  },
);
