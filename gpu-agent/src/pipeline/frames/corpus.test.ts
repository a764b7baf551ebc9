import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "vitest";
import { ClipFolder, checkClip } from "./testing/check-clip.ts";
import { CORPUS } from "./testing/corpus.ts";
import { ffmpegOnPath } from "./testing/ffmpegs.ts";

/** With the ffmpeg on the PATH; corpus.full.test.ts does the same with all that can be had. */
const installed = ffmpegOnPath();

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

    it.each(CORPUS.map((clip) => [clip.kind, clip] as const))("%s", async (_, clip) => {
      if (installed) await checkClip(folder, clip, installed);
    });
  },
);
