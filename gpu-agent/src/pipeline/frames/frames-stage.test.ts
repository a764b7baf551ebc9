import { execFileSync, spawnSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FRAME_LIMITS, type FrameOptions } from "./frame-plan.ts";
import { createFramesStage } from "./frames-stage.ts";
import type { FramesConfig } from "./input-video.ts";
import { sharpnessOf } from "./sharpness.ts";

/** With the real ffmpeg, on clips made here. */
const installed = spawnSync("ffmpeg", ["-version"]).status === 0;
const hasZscale = installed && spawnSync("ffmpeg", ["-hide_banner", "-filters"]).stdout.includes(" zscale ");

const CONFIG: FramesConfig = {
  ffmpeg: "ffmpeg",
  ffprobe: "ffprobe",
  ...FRAME_LIMITS,
  minFrames: 4,
  commandTimeoutMs: 60_000,
};

let clips = "";

beforeAll(async () => {
  clips = await mkdtemp(join(tmpdir(), "splatt-frames-"));
});

afterAll(() => rm(clips, { recursive: true, force: true }));

function ffmpeg(...args: string[]): void {
  execFileSync("ffmpeg", ["-nostdin", "-v", "error", "-y", ...args], {
    cwd: clips,
    stdio: ["ignore", "ignore", "inherit"],
  });
}

/** A filter that makes each picture of a plain colour differ from the one before, in one corner. */
const TICK = "drawbox=w=8:h=8:color=white:t=fill:enable='mod(n,2)'";

/** Each picture is one shade of grey that encodes its number. */
function numbered(seconds: number, rate: number, size = "64x48"): string[] {
  return [
    "-f",
    "lavfi",
    "-i",
    `color=black:s=${size}:r=${rate}:d=${seconds},format=yuv420p,geq=lum=16+2*N:cb=128:cr=128`,
  ];
}

const LOSSLESS = ["-c:v", "ffv1"];
const MP4 = ["-c:v", "mpeg4", "-q:v", "1"];

interface Run {
  readonly result: Awaited<ReturnType<ReturnType<typeof createFramesStage>["run"]>>;
  readonly dir: string;
  readonly messages: readonly string[];
}

async function takeFrames(
  clip: string,
  options: Partial<FrameOptions> = {},
  config: Partial<FramesConfig> = {},
  signal = new AbortController().signal,
): Promise<Run> {
  const dir = await mkdtemp(join(clips, "out-"));
  const messages: string[] = [];
  const result = await createFramesStage({ ...CONFIG, ...config }).run(
    {
      files: [{ path: join(clips, clip), name: clip }],
      options: { fps: 4, start_sec: 0, end_sec: null, ...options },
    },
    {
      dir,
      signal,
      log: pino({ level: "silent" }),
      report: ({ message }) => messages.push(message),
      toolOutput: () => undefined,
    },
  );
  return { result, dir, messages };
}

/** The numbers that `numbered` painted, as read from the frames. */
async function numbersIn(dir: string): Promise<number[]> {
  const names = (await readdir(dir)).toSorted();
  expect(names).toEqual(names.map((_, i) => `frame_${String(i + 1).padStart(5, "0")}.jpg`));
  return Promise.all(
    names.map(async (name) => {
      const grey = (await sharp(join(dir, name)).stats()).channels[0]?.mean ?? 0;
      return Math.round((grey * 219) / 255 / 2);
    }),
  );
}

async function meanColour(image: string | Buffer): Promise<number[]> {
  return (await sharp(image).stats()).channels.map(({ mean }) => mean);
}

describe.skipIf(!installed)("the frames stage", () => {
  it("takes the pictures shown at the declared times", async () => {
    ffmpeg(...numbered(4, 10), ...LOSSLESS, "plain.mkv");
    const { result, dir, messages } = await takeFrames("plain.mkv", { start_sec: 0.5, end_sec: 2.5 });
    expect(result).toEqual({
      ok: true,
      value: {
        count: 8,
        width: 64,
        height: 48,
        fps: 4,
        start_sec: 0.5,
        end_sec: 2.5,
        times: [0.5, 0.8, 1, 1.3, 1.5, 1.8, 2, 2.3],
        notes: [],
      },
    });
    expect(await numbersIn(dir)).toEqual([5, 8, 10, 13, 15, 18, 20, 23]);
    expect(messages).toContain("extracting frames: picture 25 of 25");
  });

  it.each<[string, Partial<FrameOptions>, number]>([
    ["the whole video", {}, 16],
    ["the video's own rate", { fps: 10 }, 40],
    ["an odd rate and range", { fps: 7.3, start_sec: 0.31, end_sec: 3.77 }, 25],
    ["an end past the end", { fps: 5, start_sec: 2, end_sec: 60 }, 10],
  ])("takes the right pictures for %s", async (_, options, count) => {
    const { result, dir } = await takeFrames("plain.mkv", options);
    expect(result).toMatchObject({ ok: true, value: { count } });
    const numbers = await numbersIn(dir);
    const { fps = 4, start_sec = 0 } = options;
    const lead = Math.min(0.05, 0.5 / fps);
    expect(numbers).toEqual(
      numbers.map((_, i) => Math.min(39, Math.floor((start_sec + i / fps + lead) * 10 + 1e-6))),
    );
  });

  it("seeks deep into a video", async () => {
    ffmpeg(...numbered(10, 10), ...LOSSLESS, "-g", "15", "long.mkv");
    const { dir } = await takeFrames("long.mkv", { start_sec: 7.2, end_sec: 9.2, fps: 2 });
    expect(await numbersIn(dir)).toEqual([72, 77, 82, 87]);
  });

  it("takes a picture of a variable-rate video once, however long it is shown", async () => {
    const gaps = "select='lt(t,1)+gt(t,2.85)',setpts=PTS";
    ffmpeg(...numbered(4, 10), "-vf", gaps, ...LOSSLESS, "vfr.mkv");
    const { result, dir } = await takeFrames("vfr.mkv", { fps: 2 }, { minFrames: 5 });
    expect(result).toMatchObject({ ok: true, value: { count: 5, times: [0, 0.5, 0.9, 3, 3.5] } });
    expect(await numbersIn(dir)).toEqual([0, 5, 9, 30, 35]);
  });

  it("counts from where the file begins, whatever its time stamps", async () => {
    ffmpeg(
      ...numbered(4, 10),
      "-c:v",
      "mpeg2video",
      "-q:v",
      "1",
      "-output_ts_offset",
      "100",
      "-f",
      "mpegts",
      "late.ts",
    );
    const { result, dir } = await takeFrames("late.ts", { start_sec: 1, end_sec: 3, fps: 2 });
    expect(result).toMatchObject({ ok: true, value: { start_sec: 1, end_sec: 3 } });
    expect(await numbersIn(dir)).toEqual([10, 15, 20, 25]);
  });

  it("begins with the first picture, not with sound before it", async () => {
    const sound = ["-f", "lavfi", "-i", "sine=d=4"];
    ffmpeg(
      ...sound,
      "-itsoffset",
      "1",
      ...numbered(3, 10),
      "-map",
      "1:v",
      "-map",
      "0:a",
      ...LOSSLESS,
      "delayed.mkv",
    );
    const { result, dir } = await takeFrames("delayed.mkv", { fps: 2 });
    expect(result).toMatchObject({ ok: true, value: { count: 6, start_sec: expect.closeTo(1, 2) } });
    expect(await numbersIn(dir)).toEqual([0, 5, 10, 15, 20, 25]);
  });

  it("ends with the picture, not with a longer sound", async () => {
    ffmpeg(
      "-f",
      "lavfi",
      "-i",
      "sine=d=6",
      ...numbered(3, 10),
      "-map",
      "1:v",
      "-map",
      "0:a",
      ...MP4,
      "sound.mp4",
    );
    expect((await takeFrames("sound.mp4")).result).toMatchObject({
      ok: true,
      value: { count: 12, end_sec: 3 },
    });
    expect((await takeFrames("sound.mp4", { start_sec: 4 })).result).toMatchObject({
      ok: false,
      error: { code: "time_range_empty" },
    });
  });

  it("spreads the maximum number of frames over the range", async () => {
    const { result, dir, messages } = await takeFrames("plain.mkv", { fps: 10 }, { maxFrames: 8 });
    expect(result).toMatchObject({ ok: true, value: { count: 8, fps: 2 } });
    expect(await numbersIn(dir)).toEqual([0, 5, 10, 15, 20, 25, 30, 35]);
    expect(messages.at(-1)).toContain("40 frames at 10 fps exceed the limit; 8 were taken, evenly spread.");
  });

  describe("of a video that is blurred but for every third picture", () => {
    const blur = "boxblur=6:enable='not(eq(mod(n,3),1))'";

    beforeAll(() =>
      ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x240:r=12:d=4", "-vf", blur, ...MP4, "blurred.mp4"),
    );

    async function meanSharpness(dir: string): Promise<number> {
      const names = await readdir(dir);
      const scores = await Promise.all(
        names.map(async (name) => {
          const grey = await sharp(join(dir, name)).greyscale().raw().toBuffer();
          return sharpnessOf(grey, { width: 320, height: 240 });
        }),
      );
      return scores.reduce((sum, score) => sum + score, 0) / scores.length;
    }

    it("takes the same number of pictures, the sharp ones", async () => {
      const [chosen, regular] = [
        await takeFrames("blurred.mp4"),
        await takeFrames("blurred.mp4", {}, { maxCandidatesPerFrame: 1 }),
      ];
      for (const { result } of [chosen, regular]) {
        expect(result).toMatchObject({ ok: true, value: { count: 16, fps: 4 } });
      }
      expect(await meanSharpness(chosen.dir)).toBeGreaterThan(5 * (await meanSharpness(regular.dir)));
    });

    it("takes none from outside the range", async () => {
      // The sharp pictures are shown from 1/12 s, 4/12 s and so on; the range begins and ends between two.
      const { result, dir } = await takeFrames("blurred.mp4", { start_sec: 0.2, end_sec: 1.8 });
      expect(result).toMatchObject({ ok: true, value: { count: 6, start_sec: 0.2, end_sec: 1.8 } });
      expect(await readdir(dir)).toHaveLength(6);
    });
  });

  it("keeps the shape of oblong pixels", async () => {
    // Anamorphic PAL: 64×48 stored, shown twice as wide.
    ffmpeg(...numbered(2, 5), "-vf", "setsar=2", ...LOSSLESS, "oblong.mkv");
    const { result, dir } = await takeFrames("oblong.mkv");
    expect(result).toMatchObject({ ok: true, value: { width: 128, height: 48 } });
    expect(await sharp(join(dir, "frame_00001.jpg")).metadata()).toMatchObject({ width: 128, height: 48 });
  });

  it("kills a tool that takes too long", async () => {
    const { result } = await takeFrames("plain.mkv", {}, { commandTimeoutMs: 1 });
    expect(result).toMatchObject({ ok: false, error: { code: expect.stringMatching(/^stage_/) } });
  });

  it("turns pictures upright, and caps their longer side", async () => {
    // Red above, blue below, with a matrix for a 90° clockwise rotation.
    const halves = `color=red:s=200x60:r=5:d=2[a];color=blue:s=200x60:r=5:d=2[b];[a][b]vstack,${TICK}`;
    ffmpeg("-f", "lavfi", "-i", halves, ...MP4, "flat.mp4");
    const bytes = await readFile(join(clips, "flat.mp4"));
    const matrix = bytes.indexOf("tkhd") + 44;
    [0, 65536, 0, -65536, 0, 0, 120 * 65536, 0, 0x40000000].forEach((value, i) => {
      bytes.writeInt32BE(value, matrix + 4 * i);
    });
    await writeFile(join(clips, "turned.mp4"), bytes);
    const { result, dir } = await takeFrames("turned.mp4", {}, { maxLongSide: 150 });
    expect(result).toMatchObject({ ok: true, value: { width: 90, height: 150 } });
    const frame = join(dir, "frame_00001.jpg");
    const left = await meanColour(
      await sharp(frame).extract({ left: 5, top: 10, width: 30, height: 120 }).png().toBuffer(),
    );
    const right = await meanColour(
      await sharp(frame).extract({ left: 55, top: 10, width: 30, height: 120 }).png().toBuffer(),
    );
    expect(left[2]).toBeGreaterThan(200);
    expect(right[0]).toBeGreaterThan(200);
  });

  it("makes odd sides even and never enlarges", async () => {
    ffmpeg(...numbered(2, 5, "101x77"), ...LOSSLESS, "-pix_fmt", "yuv444p", "odd.mkv");
    const { result, dir } = await takeFrames("odd.mkv");
    expect(result).toMatchObject({ ok: true, value: { width: 100, height: 76 } });
    expect(await sharp(join(dir, "frame_00001.jpg")).metadata()).toMatchObject({ width: 100, height: 76 });
  });

  it.each([
    ["bt709", "bt709"],
    ["smpte170m", "bt601"],
  ])("keeps the colours of %s video", async (space, matrix) => {
    const source = `color=0x30c060:s=64x64:r=5:d=2,scale=out_color_matrix=${matrix}:out_range=tv,format=yuv420p,${TICK}`;
    ffmpeg("-f", "lavfi", "-i", source, "-colorspace", space, ...LOSSLESS, "colour.mkv");
    const { dir } = await takeFrames("colour.mkv");
    const [r = 0, g = 0, b = 0] = await meanColour(join(dir, "frame_00001.jpg"));
    expect(Math.max(Math.abs(r - 0x30), Math.abs(g - 0xc0), Math.abs(b - 0x60))).toBeLessThan(6);
  });

  it.skipIf(!hasZscale)("maps HDR that says nothing but its transfer", async () => {
    const source = "testsrc2=s=64x64:r=5:d=2,format=yuv420p10le";
    ffmpeg("-f", "lavfi", "-i", source, ...LOSSLESS, "-color_trc", "smpte2084", "bare.mkv");
    expect((await takeFrames("bare.mkv")).result).toMatchObject({ ok: true, value: { count: 8, notes: [] } });
  });

  it.skipIf(!hasZscale).each([
    ["HLG", "arib-std-b67"],
    ["PQ", "smpte2084"],
  ])("maps %s to 8 bit with colours and brightness that are right", async (_, transfer) => {
    const to = `zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt2020:t=${transfer}:m=bt2020nc:r=tv:npl=203,format=yuv420p10le,${TICK}`;
    const source = `color=0xc03020:s=64x64:r=5:d=2,format=gbrp,setparams=colorspace=gbr:color_primaries=bt709:color_trc=bt709,${to}`;
    const tags = ["-color_trc", transfer, "-color_primaries", "bt2020", "-colorspace", "bt2020nc"];
    ffmpeg("-f", "lavfi", "-i", source, ...LOSSLESS, ...tags, "hdr.mkv");
    const { result, dir } = await takeFrames("hdr.mkv");
    expect(result).toMatchObject({ ok: true });
    const [r = 0, g = 0, b = 0] = await meanColour(join(dir, "frame_00001.jpg"));
    expect(r).toBeGreaterThan(140);
    expect(Math.max(g, b)).toBeLessThan(0.5 * r);
    expect(await sharp(join(dir, "frame_00001.jpg")).metadata()).toMatchObject({
      depth: "uchar",
      channels: 3,
    });
  });

  it.skipIf(!hasZscale)("keeps what is brighter than white apart from white", async () => {
    // 203 cd/m² is the white of ordinary video in HDR (ITU-R BT.2408); the right half is four times as bright.
    const to =
      "zscale=p=bt2020:t=smpte2084:m=bt2020nc:r=tv:npl=203,format=yuv420p10le,drawbox=w=6:h=6:color=black:t=fill:enable='mod(n,2)'";
    const halves = "geq=r='if(lt(X,32),1,4)':g='if(lt(X,32),1,4)':b='if(lt(X,32),1,4)'";
    const source = `color=white:s=64x64:r=5:d=2,format=gbrpf32le,${halves},setparams=colorspace=gbr:color_primaries=bt709:color_trc=linear,${to}`;
    const tags = ["-color_trc", "smpte2084", "-color_primaries", "bt2020", "-colorspace", "bt2020nc"];
    ffmpeg("-f", "lavfi", "-i", source, ...LOSSLESS, ...tags, "bright.mkv");
    const { dir } = await takeFrames("bright.mkv");
    const half = async (left: number) => {
      const part = sharp(join(dir, "frame_00001.jpg")).extract({ left, top: 8, width: 16, height: 48 });
      return (await meanColour(await part.png().toBuffer()))[0] ?? 0;
    };
    const [white, brighter] = [await half(8), await half(40)];
    expect(white).toBeGreaterThan(150);
    expect(brighter).toBeGreaterThan(white + 15);
  });

  it("handles a description of any length", async () => {
    const comment = ["-metadata", `comment=${"words ".repeat(2000)}`];
    ffmpeg(...numbered(2, 10), ...comment, ...MP4, "described.mp4");
    expect((await takeFrames("described.mp4")).result).toMatchObject({ ok: true, value: { count: 8 } });
  });

  it.each(["many.mp4", "many.mkv"])(
    "does not begin with more pictures than any capture has: %s",
    async (clip) => {
      ffmpeg(...numbered(2, 10), ...(clip.endsWith("mp4") ? MP4 : LOSSLESS), clip);
      expect((await takeFrames(clip, {}, { maxPictures: 19 })).result).toMatchObject({
        ok: false,
        error: { code: "video_unsupported", detail: "It has more than 19 pictures." },
      });
      expect((await takeFrames(clip, {}, { maxPictures: 20 })).result).toMatchObject({ ok: true });
    },
  );

  it("rejects unusable files before any work", async () => {
    ffmpeg("-f", "lavfi", "-i", "sine=d=2", "-c:a", "aac", "sound-only.m4a");
    await writeFile(join(clips, "zero"), "");
    await writeFile(join(clips, "text"), "hello world\n".repeat(100));
    await writeFile(join(clips, "page"), "<!doctype html><html></html>");
    for (const [clip, options, code] of [
      ["sound-only.m4a", {}, "video_no_stream"],
      ["zero", {}, "video_corrupt"],
      ["text", {}, "video_unsupported"],
      ["page", {}, "video_unsupported"],
      ["plain.mkv", { start_sec: 4 }, "time_range_empty"],
      ["plain.mkv", { start_sec: 99, end_sec: 100 }, "time_range_empty"],
      ["plain.mkv", { end_sec: 0.8 }, "too_few_frames"],
    ] as const) {
      const { result, dir } = await takeFrames(clip, options);
      expect(result, clip).toMatchObject({ ok: false, error: { code } });
      expect(JSON.stringify(result)).not.toContain(clips);
      expect(await readdir(dir)).toEqual([]);
    }
  });

  describe("with a damaged file", () => {
    it.each([
      ["cut short, its index at the end", [], 0.6, "video_corrupt"],
      ["cut short, its index in front, most missing", ["-movflags", "+faststart"], 0.3, "video_corrupt"],
      ["cut short, its index in front, most there", ["-movflags", "+faststart"], 0.8, null],
    ])("%s", async (_, options, share, code) => {
      ffmpeg("-f", "lavfi", "-i", "testsrc2=s=160x120:r=10:d=4", ...MP4, ...options, "whole.mp4");
      const bytes = await readFile(join(clips, "whole.mp4"));
      await writeFile(join(clips, "cut"), bytes.subarray(0, share * bytes.length));
      const { result } = await takeFrames("cut");
      expect(JSON.stringify(result)).not.toContain(clips);
      if (code) expect(result).toMatchObject({ ok: false, error: { code } });
      else expect(result).toMatchObject({ ok: true, value: { count: 13 } });
    });

    it("ignores a stream whose pictures have no size", async () => {
      const source = ["-f", "lavfi", "-i", "testsrc2=s=160x120:r=10:d=4"];
      ffmpeg(...source, ...source, "-map", "0", "-map", "1", "-c:v", "mjpeg", "-f", "avi", "two.avi");
      const bytes = await readFile(join(clips, "two.avi"));
      // Width and height in the header of the second stream.
      const header = bytes.indexOf("strf", bytes.indexOf("strf") + 4) + 8;
      bytes.fill(0, header + 4, header + 12);
      await writeFile(join(clips, "two.avi"), bytes);
      const { result } = await takeFrames("two.avi");
      expect(result).toMatchObject({ ok: true, value: { width: 160, height: 120 } });
    });

    it("delivers all frames when some pictures are damaged, and says so", async () => {
      ffmpeg(
        "-f",
        "lavfi",
        "-i",
        "testsrc2=s=160x120:r=10:d=4",
        ...MP4,
        "-g",
        "5",
        "-f",
        "matroska",
        "whole.mkv",
      );
      const bytes = await readFile(join(clips, "whole.mkv"));
      for (let at = Math.floor(bytes.length / 3); at < bytes.length / 2; at += 97) bytes[at] = 0xff;
      await writeFile(join(clips, "spoilt"), bytes);
      const { result } = await takeFrames("spoilt");
      expect(result.ok && result.value.count).toBeGreaterThanOrEqual(15);
      expect(result.ok && result.value.notes).toEqual([expect.stringMatching(/^The video is damaged/)]);
    });
  });

  it("removes the leftovers of an interrupted run", async () => {
    const first = await takeFrames("plain.mkv", { fps: 10 });
    const stage = createFramesStage(CONFIG);
    const result = await stage.run(
      {
        files: [{ path: join(clips, "plain.mkv"), name: "plain.mkv" }],
        options: { fps: 2, start_sec: 0, end_sec: null },
      },
      {
        dir: first.dir,
        signal: new AbortController().signal,
        log: pino({ level: "silent" }),
        report: () => undefined,
        toolOutput: () => undefined,
      },
    );
    expect(result).toMatchObject({ ok: true, value: { count: 8 } });
    expect(await numbersIn(first.dir)).toHaveLength(8);
  });

  it("stops when it is aborted", async () => {
    const { result } = await takeFrames("plain.mkv", {}, {}, AbortSignal.abort());
    expect(result).toMatchObject({ ok: false, error: { code: "agent_stopped" } });
  });
});

it("reports a missing tool", async () => {
  await writeFile(join(clips, "any"), "x");
  const { result } = await takeFrames("any", {}, { ffprobe: "/nowhere/ffprobe" });
  expect(result).toMatchObject({ ok: false, error: { code: "tool_missing" } });
});
