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

const MPEG4 = ["-c:v", "mpeg4", "-q:v", "3"];

/** Containers whose truncated files ffprobe takes for whole ones, and that say where they end. */
const SIZED: Readonly<Record<string, readonly string[]>> = {
  matroska: [...MPEG4, "-f", "matroska"],
  avi: [...MPEG4, "-f", "avi"],
  asf: [...MPEG4, "-f", "asf"],
  flv: ["-c:v", "flv", "-q:v", "3", "-f", "flv"],
};

/** Those that do not say it. The last packet shows that it is not the end, but not how much is missing. */
const UNSIZED: Readonly<Record<string, readonly string[]>> = {
  "an MPEG transport stream": [...MPEG4, "-f", "mpegts"],
  "a fragmented MP4": [...MPEG4, "-g", "10", "-movflags", "frag_keyframe+empty_moov", "-f", "mp4"],
  "a live WebM": ["-c:v", "libvpx", "-deadline", "realtime", "-b:v", "1M", "-live", "1", "-f", "webm"],
  Ogg: ["-c:v", "libvpx", "-deadline", "realtime", "-b:v", "1M", "-f", "ogg"],
};

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-truncated-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** The notes on the first part of a video, with other bytes after it. */
function notesOn(output: readonly string[], share: number, rest = Buffer.alloc(0)): Promise<string> {
  return notesOnChanged(output, (bytes) =>
    Buffer.concat([bytes.subarray(0, Math.floor(bytes.length * share)), rest]),
  );
}

/** The notes on a video with zeros in place of a part, by its shares of the bytes. */
function notesOnHole(output: readonly string[], from: number, to: number): Promise<string> {
  return notesOnChanged(output, (bytes) =>
    bytes.fill(0, Math.floor(from * bytes.length), Math.floor(to * bytes.length)),
  );
}

async function notesOnChanged(
  output: readonly string[],
  change: (bytes: Buffer) => Uint8Array,
): Promise<string> {
  ffmpeg(dir, "-f", "lavfi", "-i", "testsrc2=s=320x240:r=10:d=8", ...output, "whole");
  await writeFile(join(dir, "source"), change(await readFile(join(dir, "whole"))));
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
  it.each(Object.entries(SIZED))("%s, with the share that it holds", async (_, output) => {
    expect(await notesOn(output, 1)).not.toContain("truncated");
    expect(await notesOn(output, 0.6)).toContain("The file is truncated: it holds 60 % of the video.");
  });

  it.each(["mpegts", "mp4"])("%s with something after its end is not truncated", async (container) => {
    expect(await notesOn([...MPEG4, "-f", container], 1, Buffer.alloc(1000, 9))).toBe("");
  });

  // corpus.test.ts has whole ones.
  it.each(Object.entries(UNSIZED))("%s, without a share", async (_, output) => {
    expect(await notesOn(output, 0.601)).toMatch(/The file is truncated: its end is missing\.$/);
  });

  it.each([
    ["a transport stream", [...MPEG4, "-f", "mpegts"]],
    ["an MP4", [...MPEG4, "-movflags", "+faststart", "-f", "mp4"]],
    ["Matroska", [...MPEG4, "-f", "matroska"]],
  ])("%s that an interrupted download left with zeros", async (_, output) => {
    expect(await notesOnHole(output, 0.7, 1)).toContain("The file ends in zeros");
  });
});

it.skipIf(ffmpegOnPath() === null).each([
  ["MP4", [...MPEG4, "-f", "mp4"]],
  ["FLV", SIZED.flv],
  ["ASF", SIZED.asf],
] as const)("a second %s that follows in the file is named", { timeout: 60_000 }, async (_, output) => {
  const note = await notesOnChanged(output ?? [], (bytes) => Buffer.concat([bytes, bytes]));
  expect(note).toMatch(/^The file contains several videos, one after the other/);
});

describe.skipIf(ffmpegOnPath() === null)("a hole in the middle is named", { timeout: 60_000 }, () => {
  it.each([
    ["AVI", SIZED.avi, /A part of the file is missing or damaged: it holds [78]\d % of the video/],
    ["Ogg", UNSIZED.Ogg, /A part of the file is missing or damaged: it holds [5-7]\d % of the video/],
    ["fragmented MP4", UNSIZED["a fragmented MP4"], /damaged after [67]\d % of its bytes: what follows/],
  ] as const)("in %s", async (_, output, note) => {
    expect(await notesOnHole(output ?? [], 0.65, 0.8)).toMatch(note);
  });
});
