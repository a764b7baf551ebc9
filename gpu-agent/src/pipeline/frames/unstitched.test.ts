import { mkdtemp, mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ffmpeg } from "./testing/counter-clip.ts";
import { ffmpegOnPath } from "./testing/ffmpegs.ts";
import { takeFrames } from "./testing/take-frames.ts";

const SPHERICAL = {
  ok: false,
  error: { code: "video_spherical", detail: expect.stringContaining("two fisheye") },
};

/** Takes the frames of a video whose pictures have a circle in each square, on black. */
async function framesOf(width: number, ...maps: readonly string[]) {
  await using made = await mkdtempDisposable(join(tmpdir(), "splatt-unstitched-"));
  const circle = "hypot(mod(X,160)-80,Y-80)";
  const round = `format=gray,geq=lum='if(lt(${circle},79),lum(X,Y),16)',format=yuv420p`;
  const source = ["-f", "lavfi", "-i", `testsrc2=s=${width}x160:r=10:d=3`];
  ffmpeg(made.path, ...source, ...maps, "-vf", round, "-c:v", "mpeg4", "-q:v", "3", "-f", "mp4", "source");
  return await takeFrames(made.path, await mkdtemp(join(made.path, "out-")));
}

describe.skipIf(ffmpegOnPath() === null)("360° video that no app has joined", { timeout: 60_000 }, () => {
  it("is named where each picture has two circles", async () => {
    expect(await framesOf(320)).toMatchObject(SPHERICAL);
  });

  it("is named where each of two tracks has one", async () => {
    expect(await framesOf(160, "-map", "0:v", "-map", "0:v")).toMatchObject(SPHERICAL);
  });

  it("has a note where one file is that of one lens", async () => {
    const notes = [expect.stringContaining("fisheye lens")];
    expect(await framesOf(160)).toMatchObject({ ok: true, value: { notes } });
  });
});
