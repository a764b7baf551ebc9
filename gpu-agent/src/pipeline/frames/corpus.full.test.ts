import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "vitest";
import { ClipFolder, checkClip } from "./testing/check-clip.ts";
import { CORPUS } from "./testing/corpus/corpus.ts";
import { ffmpegOnPath, furtherFfmpegs } from "./testing/ffmpegs.ts";

/**
 * Every version of ffmpeg gives the same frames: the one on the PATH, those that FFMPEGS lists, and the static builds
 * in two packages of PyPI, which are fetched where pip works.
 */
const installed = ffmpegOnPath();
const ffmpegs = installed === null ? [] : [installed, ...(await furtherFfmpegs())];

describe("the frames of each kind of video, by content", { timeout: 120_000 }, () => {
  let dir = "";
  let folder: ClipFolder;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "splatt-corpus-"));
    folder = new ClipFolder(dir);
  });

  afterAll(() => rm(dir, { recursive: true, force: true }));

  it.skipIf(ffmpegs.length > 1)("with other versions of ffmpeg: list some in FFMPEGS", (context) =>
    context.skip(),
  );

  describe.each(ffmpegs)("$version", (ffmpeg) => {
    it.each(CORPUS.map((clip) => [clip.kind, clip] as const))("%s", (_, clip) =>
      checkClip(folder, clip, ffmpeg),
    );
  });
});
