import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ffmpeg } from "../counter-clip.ts";
import { h264Fields, mpeg2Fields } from "../field-pictures.ts";
import { at, type Clip, every, plain, source, X264 } from "./clip.ts";

const TOP_FIRST = "tinterlace=interleave_top,setfield=tff";
const X264_FIELDS = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-flags", "+ildct"];

function interlaced(kind: string, filter: string, args: readonly string[]): Clip {
  return plain(kind, [], {
    make: (dir, name) => ffmpeg(dir, ...source({ rate: 50, seconds: 4 }), "-vf", filter, ...args, name),
    shown: at(50),
    times: every(0.25, 0, 4),
  });
}

/** Video of fields: even and odd lines, filmed at different times. A frame that mixes two of them has no number. */
export const FIELDS: readonly Clip[] = [
  interlaced("interlaced", TOP_FIRST, [
    "-c:v",
    "mpeg2video",
    "-q:v",
    "2",
    "-flags",
    "+ildct+ilme",
    "-f",
    "mpegts",
  ]),
  interlaced("interlaced, which only the container says", TOP_FIRST, [
    ...X264,
    "-field_order",
    "tt",
    "-f",
    "matroska",
  ]),
  interlaced("interlaced, which nothing says", "tinterlace=interleave_bottom,setfield=prog", [
    ...X264,
    "-f",
    "mp4",
  ]),
  plain("interlaced at its end, as in broadcasts", [], {
    make: async (dir, name) => {
      const last = ["-vf", TOP_FIRST, ...X264_FIELDS, "-x264-params", "tff=1", "-f", "mpegts", "two.ts"];
      ffmpeg(dir, ...source({ seconds: 4.88 }), ...X264, "-f", "mpegts", "one.ts");
      ffmpeg(dir, ...source({ rate: 50, seconds: 2, first: 244 }), ...last);
      const parts = ["one.ts", "two.ts"].map((part) => readFile(join(dir, part)));
      await writeFile(join(dir, name), Buffer.concat(await Promise.all(parts)));
    },
    shown: (seconds) => (seconds < 4.88 ? 25 * seconds : 244 + 50 * (seconds - 4.88)),
    times: every(0.25, 0, 7),
  }),
  plain("field pictures of H.264", [], {
    make: async (dir, name) => {
      const lines = source({ rate: 50, seconds: 4, height: 256 });
      ffmpeg(dir, ...lines, "-vf", TOP_FIRST, "-f", "rawvideo", "pictures");
      await writeFile(join(dir, "fields.264"), h264Fields(await readFile(join(dir, "pictures")), 320, 256));
      ffmpeg(dir, "-r", "50", "-i", "fields.264", "-c", "copy", "-f", "mpegts", name);
    },
    shown: at(50),
    times: every(0.25, 0, 4),
    size: [320, 256],
  }),
  plain("field pictures of MPEG-2", [], {
    make: async (dir, name) => {
      const lines = source({ rate: 50, seconds: 4, height: 256 });
      const single = ["-vf", `${TOP_FIRST},separatefields,setfield=prog`, "-r", "50"];
      ffmpeg(
        dir,
        ...lines,
        ...single,
        "-c:v",
        "mpeg2video",
        "-g",
        "1",
        "-q:v",
        "2",
        "-f",
        "mpeg2video",
        "single",
      );
      await writeFile(join(dir, "fields.m2v"), mpeg2Fields(await readFile(join(dir, "single"))));
      ffmpeg(dir, "-f", "mpegvideo", "-i", "fields.m2v", "-c", "copy", "-f", "mp4", name);
    },
    shown: at(50),
    times: every(0.25, 0, 4),
    size: [320, 256],
  }),
  plain("HEVC, whose pictures are single fields", [], {
    make: (dir, name) => {
      const fields = ["-vf", `${TOP_FIRST},separatefields`, "-c:v", "libx265", "-preset", "ultrafast"];
      const settings = ["-x265-params", "interlace=tff:log-level=error", "-f", "mp4"];
      ffmpeg(dir, ...source({ rate: 50, seconds: 4 }), ...fields, ...settings, name);
    },
    shown: at(50),
    times: every(0.25, 0, 4),
    note: /single fields/,
  }),
];
