import { mkdtemp, mkdtempDisposable, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { VideoFrames } from "../video-frames.ts";
import { ffmpeg } from "./counter-clip.ts";
import { takeFrames } from "./take-frames.ts";

export const MPEG4 = ["-c:v", "mpeg4", "-q:v", "3"];

/** Containers whose truncated files ffprobe takes for whole ones, and that say where they end. */
export const SIZED = {
  matroska: [...MPEG4, "-f", "matroska"],
  avi: [...MPEG4, "-f", "avi"],
  asf: [...MPEG4, "-f", "asf"],
  flv: ["-c:v", "flv", "-q:v", "3", "-f", "flv"],
} as const;

/** Those that do not say it. The last packet shows that it is not the end, but not how much is missing. */
export const UNSIZED = {
  "an MPEG transport stream": [...MPEG4, "-f", "mpegts"],
  "a fragmented MP4": [...MPEG4, "-g", "10", "-movflags", "frag_keyframe+empty_moov", "-f", "mp4"],
  "a live WebM": ["-c:v", "libvpx", "-deadline", "realtime", "-b:v", "1M", "-live", "1", "-f", "webm"],
  Ogg: ["-c:v", "libvpx", "-deadline", "realtime", "-b:v", "1M", "-f", "ogg"],
} as const;

export const MXF = ["-r", "25", "-c:v", "mpeg2video", "-q:v", "3", "-f", "mxf"];

/** The notes on the first part of a video, with other bytes after it. */
export function notesOn(output: readonly string[], share: number, rest = Buffer.alloc(0)): Promise<string> {
  return notesOnChanged(output, (bytes) =>
    Buffer.concat([bytes.subarray(0, Math.floor(bytes.length * share)), rest]),
  );
}

/** The notes on a video without a part, by its shares of the bytes. */
export function notesOnCut(output: readonly string[], from: number, to: number): Promise<string> {
  return notesOnChanged(output, (bytes) =>
    Buffer.concat([bytes.subarray(0, Math.floor(from * bytes.length)), bytes.subarray(to * bytes.length)]),
  );
}

/** The notes on a video with zeros in place of a part, by its shares of the bytes. */
export function notesOnHole(output: readonly string[], from: number, to: number): Promise<string> {
  return notesOnChanged(output, (bytes) =>
    bytes.fill(0, Math.floor(from * bytes.length), Math.floor(to * bytes.length)),
  );
}

export async function notesOnChanged(
  output: readonly string[],
  change: (bytes: Buffer) => Uint8Array,
): Promise<string> {
  await using made = await mkdtempDisposable(join(tmpdir(), "splatt-damaged-"));
  const dir = made.path;
  ffmpeg(dir, "-f", "lavfi", "-i", "testsrc2=s=320x240:r=10:d=8", ...output, "whole");
  await writeFile(join(dir, "source"), change(await readFile(join(dir, "whole"))));
  const result = await takeFrames(dir, await mkdtemp(join(dir, "out-")));
  if (!result.ok) expect.fail(`${result.error.code}: ${result.error.detail}`);
  return VideoFrames.parse(result.value).notes.join(" ");
}
