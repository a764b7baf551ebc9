import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { addToSampleEntry } from "./testing/corpus/clip.ts";
import { ffmpeg } from "./testing/counter-clip.ts";
import { ffmpegOnPath } from "./testing/ffmpegs.ts";
import { joinMovies } from "./testing/join-movies.ts";
import { box } from "./testing/make-box.ts";
import { takeFrames } from "./testing/take-frames.ts";

const SOURCE = ["-f", "lavfi", "-i", "testsrc2=s=320x240:r=10:d=4"];
const MPEG4 = ["-c:v", "mpeg4", "-q:v", "3"];
const CENC = "-encryption_scheme cenc-aes-ctr -encryption_key 76a6c65c5ea762046bd749a2e632ccbb";

let dir = "";

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-unusable-"));
});

afterEach(() => rm(dir, { recursive: true, force: true }));

/** Files without a usable video, made as `source`, with the failure and what its detail says. */
type Kind = readonly [kind: string, code: string, make: () => Promise<void> | void, detail?: RegExp];
const KINDS: readonly Kind[] = [
  [
    "a bare H.264 stream",
    "video_unsupported",
    () => ffmpeg(dir, ...SOURCE, "-c:v", "libx264", "-f", "h264", "source"),
    /stream without a container/,
  ],
  ...["mp4", "matroska", "avi", "asf"].map(
    (container): Kind => [
      `headers before a video in ${container}`,
      "video_corrupt",
      async () => {
        ffmpeg(dir, ...SOURCE, ...MPEG4, "-f", container, "video");
        const headers = Buffer.from("HTTP/1.1 200 OK\r\nServer: x\r\n\r\n");
        await writeFile(join(dir, "source"), Buffer.concat([headers, await readFile(join(dir, "video"))]));
      },
      /begins with 30 bytes of something else.*tail -c \+31 FILE/,
    ],
  ),
  [
    "a bare stream of JPEGs",
    "video_unsupported",
    () => ffmpeg(dir, ...SOURCE, "-c:v", "mjpeg", "-f", "mjpeg", "source"),
    /stream without a container/,
  ],
  [
    "a photo of several pictures",
    "image_still",
    () => ffmpeg(dir, ...SOURCE, "-frames:v", "4", "-c:v", "mjpeg", "-f", "mjpeg", "source"),
  ],
  [
    "DV as it comes from the tape",
    "video_unsupported",
    () =>
      ffmpeg(
        dir,
        "-f",
        "lavfi",
        "-i",
        "testsrc2=s=720x576:r=25:d=1",
        "-c:v",
        "dvvideo",
        "-pix_fmt",
        "yuv420p",
        "-f",
        "dv",
        "source",
      ),
    /^Its container is not read\./,
  ],
  [
    "a container that is not read",
    "video_unsupported",
    () => ffmpeg(dir, ...SOURCE, ...MPEG4, "-f", "nut", "source"),
    /^Its container is not read\. .*ffmpeg -i FILE -c:v/,
  ],
  [
    "bytes of no known format",
    "video_unsupported",
    () => writeFile(join(dir, "source"), Buffer.alloc(5000, 7)),
    /^Its format is not known\.$/,
  ],
  [
    "a sound",
    "video_unsupported",
    () => ffmpeg(dir, "-f", "lavfi", "-i", "sine=d=1", "-f", "wav", "source"),
    /sound only, no pictures/,
  ],
  [
    "a sound with a cover picture",
    "video_no_stream",
    () => {
      ffmpeg(dir, ...SOURCE, "-frames:v", "1", "cover.jpg");
      const inputs = ["-f", "lavfi", "-i", "sine=d=1", "-i", "cover.jpg", "-map", "0", "-map", "1"];
      const codecs = ["-c:a", "aac", "-c:v", "mjpeg", "-disposition:v:0", "attached_pic"];
      ffmpeg(dir, ...inputs, ...codecs, "-f", "mp4", "source");
    },
    /audio, a cover picture/,
  ],
  [
    "a video in a web form",
    "video_unsupported",
    async () => {
      ffmpeg(dir, ...SOURCE, ...MPEG4, "-f", "mp4", "clip");
      const head = '--x\r\nContent-Disposition: form-data; name="file"; filename="v.mp4"\r\n\r\n';
      await writeFile(
        join(dir, "source"),
        Buffer.concat([Buffer.from(head), await readFile(join(dir, "clip"))]),
      );
    },
    /--data-binary/,
  ],
  [
    "a recording that was cut off",
    "video_corrupt",
    async () => {
      ffmpeg(dir, ...SOURCE, ...MPEG4, "-f", "mp4", "clip");
      const bytes = await readFile(join(dir, "clip"));
      await writeFile(join(dir, "source"), bytes.subarray(0, bytes.indexOf("moov") - 4));
    },
    /ends before its index/,
  ],
  [
    "an encrypted video",
    "video_encrypted",
    () =>
      ffmpeg(
        dir,
        ...SOURCE,
        "-c:v",
        "libx264",
        ...CENC.split(" "),
        "-encryption_kid",
        "a7e61c373e219033c21091fa607bf3b8",
        "-f",
        "mp4",
        "source",
      ),
  ],
  [
    "a video whose beginning alone is not encrypted",
    "video_encrypted",
    async () => {
      const key = [...CENC.split(" "), "-encryption_kid", "a7e61c373e219033c21091fa607bf3b8"];
      ffmpeg(dir, ...SOURCE, "-c:v", "libx264", "-bf", "0", "-f", "mp4", "clear");
      ffmpeg(dir, ...SOURCE, "-c:v", "libx264", "-bf", "0", ...key, "-f", "mp4", "encrypted");
      const parts = ["clear", "encrypted"].map((file, i) => ({ file: join(dir, file), description: i + 1 }));
      await joinMovies(join(dir, "source"), parts);
    },
  ],
  [
    "an AVI without its pictures",
    "video_corrupt",
    async () => {
      ffmpeg(dir, ...SOURCE, ...MPEG4, "-f", "avi", "whole");
      const bytes = await readFile(join(dir, "whole"));
      const [pictures, index] = [bytes.indexOf("movi") + 4, bytes.indexOf("idx1")];
      bytes.fill(0, pictures, index).write("JUNK", pictures);
      bytes.writeUInt32LE(index - pictures - 8, pictures + 4);
      await writeFile(join(dir, "source"), bytes.subarray(0, index));
    },
    /^None of the 40 pictures that it declares is in the file/,
  ],
  [
    "a scrambled transport stream",
    "video_encrypted",
    async () => {
      ffmpeg(dir, ...SOURCE, "-c:v", "mpeg2video", "-f", "mpegts", "source");
      const bytes = await readFile(join(dir, "source"));
      // Only some packets, so that ffprobe still finds pictures.
      for (let at = 188 * 60; at < bytes.length; at += 188)
        bytes[at + 3] = (bytes[at + 3] ?? 0) | (at % 376 ? 0x80 : 0);
      await writeFile(join(dir, "source"), bytes);
    },
  ],
  ["a picture", "image_still", () => ffmpeg(dir, ...SOURCE, "-frames:v", "1", "-f", "mjpeg", "source")],
  ["a picture in HEIC", "image_still", () => writeFile(join(dir, "source"), isoMedia("heic"))],
  ["a picture in AVIF", "image_still", () => writeFile(join(dir, "source"), isoMedia("avif"))],
  ["a sequence in AVIF", "image_animated", () => writeFile(join(dir, "source"), isoMedia("avis"))],
  [
    "an animated PNG",
    "image_animated",
    () => ffmpeg(dir, ...SOURCE, "-frames:v", "9", "-plays", "0", "-f", "apng", "source"),
  ],
  [
    "an animated WebP",
    "image_animated",
    async () => {
      const frames = [0, 128, 255].map((r) =>
        sharp({ create: { width: 64, height: 64, channels: 3, background: { r, g: 0, b: 0 } } }).png(),
      );
      const pictures = await Promise.all(frames.map((frame) => frame.toBuffer()));
      await sharp(pictures, { join: { animated: true } })
        .webp()
        .toFile(join(dir, "source"));
    },
  ],
  ["360° video, declared in its container", "video_spherical", () => mp4With(sphericalVideo())],
  [
    "360° video as two halves of a cube",
    "video_spherical",
    () => {
      const wide = ["-vf", "scale=384:128", "-map", "0:v", "-map", "0:v"];
      ffmpeg(dir, ...SOURCE, ...wide, ...MPEG4, "-f", "mp4", "source");
    },
    /half of the surroundings/,
  ],
  [
    "Dolby Vision of profile 5",
    "video_dolby_vision",
    // Version 1.0, profile 5, level 6, with enhancement data and a base layer compatible with nothing.
    () => mp4With(box("dvcC", Buffer.concat([Buffer.from([1, 0, 0x0a, 0x35, 0x00]), Buffer.alloc(19)]))),
  ],
  [
    "a 3D video with the eyes side by side",
    "video_unsupported",
    () =>
      ffmpeg(dir, ...SOURCE, ...MPEG4, "-metadata:s:v", "stereo_mode=left_right", "-f", "matroska", "source"),
    /views of both eyes, side by side.* crop=iw\/2:ih:0:0/,
  ],
  ["an animation", "image_animated", () => ffmpeg(dir, ...SOURCE, "-frames:v", "9", "-f", "gif", "source")],
  [
    "a motion photo",
    "image_motion_photo",
    async () => {
      ffmpeg(dir, ...SOURCE, "-frames:v", "1", "-f", "mjpeg", "photo");
      ffmpeg(dir, ...SOURCE, ...MPEG4, "-f", "mp4", "clip");
      const parts = await Promise.all(["photo", "clip"].map((name) => readFile(join(dir, name))));
      await writeFile(join(dir, "source"), Buffer.concat(parts));
    },
  ],
  [
    "the clip of a live photo",
    "image_motion_photo",
    () =>
      ffmpeg(
        dir,
        ...SOURCE,
        ...MPEG4,
        "-movflags",
        "use_metadata_tags",
        "-metadata",
        "com.apple.quicktime.live-photo.auto=1",
        "-f",
        "mov",
        "source",
      ),
  ],
];

/** The beginning of a picture in the MP4 container, which its brand identifies. */
function isoMedia(brand: string): Buffer {
  const brands = box("ftyp", Buffer.from(`${brand}\0\0\0\0mif1${brand}`, "latin1"));
  return Buffer.concat([brands, box("meta", Buffer.alloc(4)), box("mdat", Buffer.alloc(64))]);
}

/** Google's Spherical Video V2: an equirectangular projection without borders. */
function sphericalVideo(): Buffer {
  const creator = box("svhd", Buffer.concat([Buffer.alloc(4), Buffer.from("camera\0")]));
  const pose = box("prhd", Buffer.alloc(16));
  const projection = box("proj", Buffer.concat([pose, box("equi", Buffer.alloc(20))]));
  return box("sv3d", Buffer.concat([creator, projection]));
}

/** Makes `source`, an MP4 whose only video sample entry has one more box. */
async function mp4With(extra: Buffer): Promise<void> {
  ffmpeg(dir, ...SOURCE, "-c:v", "libx264", "-f", "mp4", "plain");
  await writeFile(join(dir, "source"), addToSampleEntry(await readFile(join(dir, "plain")), extra));
}

describe.skipIf(ffmpegOnPath() === null)("is named, and not decoded:", { timeout: 60_000 }, () => {
  const kinds = KINDS.map(([kind, code, make, detail = /^/]) => [kind, code, make, detail] as const);
  it.each(kinds)("%s", async (_, code, make, detail) => {
    await make();
    const out = await mkdtemp(join(dir, "out-"));
    const result = await takeFrames(dir, out, { ffmpeg: "/nowhere/ffmpeg" });
    expect(result).toMatchObject({ ok: false, error: { code, detail: expect.stringMatching(detail) } });
    expect(await readdir(out)).toEqual([]);
  });
});
