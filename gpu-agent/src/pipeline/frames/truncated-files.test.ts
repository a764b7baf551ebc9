import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FRAME_LIMITS } from "./frame-plan.ts";
import { createFramesStage } from "./frames-stage.ts";
import { ffmpeg } from "./testing/counter-clip.ts";
import { ffmpegOnPath } from "./testing/ffmpegs.ts";
import { VideoFrames } from "./video-frames.ts";

/** Containers whose truncated files ffprobe takes for whole ones. */
const CONTAINERS = ["matroska", "avi", "asf"];

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-truncated-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** The notes on the first part of a video. */
async function notesOn(container: string, share: number): Promise<string> {
  const video = ["-f", "lavfi", "-i", "testsrc2=s=320x240:r=10:d=8", "-c:v", "mpeg4", "-q:v", "3"];
  ffmpeg(dir, ...video, "-f", container, "whole");
  const bytes = await readFile(join(dir, "whole"));
  await writeFile(join(dir, "source"), bytes.subarray(0, Math.floor(bytes.length * share)));
  const out = await mkdtemp(join(dir, "out-"));
  const tools = { ffmpeg: "ffmpeg", ffprobe: "ffprobe", commandTimeoutMs: 60_000 };
  const result = await createFramesStage({ ...FRAME_LIMITS, ...tools }).run(
    {
      files: [{ path: join(dir, "source"), name: "source" }],
      options: { fps: 4, start_sec: 0, end_sec: null },
    },
    {
      dir: out,
      signal: new AbortController().signal,
      log: pino({ level: "silent" }),
      report: () => undefined,
      toolOutput: () => undefined,
    },
  );
  if (!result.ok) expect.fail(`${result.error.code}: ${result.error.detail}`);
  return VideoFrames.parse(result.value).notes.join(" ");
}

describe.skipIf(ffmpegOnPath() === null)("a truncated file is named as that", { timeout: 60_000 }, () => {
  it.each(CONTAINERS)("%s", async (container) => {
    expect(await notesOn(container, 1)).not.toContain("truncated");
    expect(await notesOn(container, 0.6)).toContain("The file is truncated: it holds 60 % of the video.");
  });
});
