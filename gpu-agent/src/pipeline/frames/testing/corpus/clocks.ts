import { ffmpeg, passthrough } from "../counter-clip.ts";
import { at, type Clip, concat, every, MPEG4, patch, plain, RATE, source, X264 } from "./clip.ts";

/** Hides the only box of a type by overwriting that type. */
function hideBox(bytes: Buffer, type: string): Buffer {
  bytes.write("free", bytes.indexOf(type), "latin1");
  return bytes;
}

/** What time it is in a picture, and pictures that repeat or are missing. */
export const CLOCKS: readonly Clip[] = [
  plain("an odd range and rate", [...X264, "-f", "mp4"], {
    options: { start_sec: 1.37, end_sec: 6.91, fps: 3.3 },
    times: every(1 / 3.3, 1.37, 1.37 + 18 / 3.3),
  }),
  plain("30000/1001 pictures a second", [], {
    make: (dir, name) => ffmpeg(dir, ...source({ rate: 30000 / 1001 }), ...X264, "-f", "mp4", name),
    shown: at(30000 / 1001),
  }),
  plain("240 pictures a second", [], {
    make: (dir, name) => ffmpeg(dir, ...source({ rate: 240, seconds: 3 }), ...X264, "-f", "mp4", name),
    shown: at(240),
    times: every(0.25, 0, 3),
  }),
  plain("one picture a second", [], {
    make: (dir, name) => ffmpeg(dir, ...source({ rate: 1, seconds: 20 }), ...X264, "-f", "mp4", name),
    shown: at(1),
    times: every(1, 0, 20),
    note: /20 pictures for 80 frames/,
  }),
  plain(
    "a seek before a far key frame, in MPEG-TS",
    [...X264, "-g", "250", "-sc_threshold", "0", "-f", "mpegts"],
    {
      options: { start_sec: 3, end_sec: 6.9 },
      times: every(0.25, 3, 7),
    },
  ),
  plain("a sync table that is missing", [], {
    make: async (dir, name) => {
      ffmpeg(dir, ...source(), ...X264, "-g", "250", "-f", "mp4", name);
      await patch(dir, name, (bytes) => hideBox(bytes, "stss"));
    },
    options: { start_sec: 3, end_sec: 6.9 },
    times: every(0.25, 3, 7),
  }),
  plain("trimmed without encoding: an edit list hides most of it", [], {
    make: (dir, name) => {
      ffmpeg(dir, ...source({ seconds: 12 }), ...X264, "-g", "600", "-f", "mp4", "long.mp4");
      ffmpeg(dir, "-ss", "8.5", "-i", "long.mp4", "-c", "copy", "-f", "mp4", name);
    },
    shown: at(RATE, 212.5),
    times: every(0.25, 0, 3.5),
  }),
  plain("an edit list that shifts the start, with sound before it", [], {
    make: (dir, name) => {
      const sound = ["-f", "lavfi", "-i", "sine=d=9"];
      ffmpeg(dir, ...source(), ...X264, "-f", "mp4", "silent.mp4");
      const shifted = ["-itsoffset", "1", "-i", "silent.mp4", "-map", "1:v", "-map", "0:a"];
      ffmpeg(dir, ...sound, ...shifted, "-c:v", "copy", "-c:a", "aac", "-f", "mp4", name);
    },
    shown: at(RATE, -RATE),
    times: every(0.25, 1, 9),
  }),
  plain("sound for ten seconds before the first picture, in MPEG-TS", [], {
    make: (dir, name) => {
      const sound = ["-f", "lavfi", "-i", "sine=d=14"];
      ffmpeg(dir, ...source({ seconds: 4 }), ...X264, "-f", "mp4", "silent.mp4");
      const late = ["-itsoffset", "10", "-i", "silent.mp4", "-map", "1:v", "-map", "0:a"];
      ffmpeg(dir, ...sound, ...late, "-c:v", "copy", "-c:a", "mp2", "-f", "mpegts", name);
    },
    shown: at(RATE, -10 * RATE),
    times: every(0.25, 10, 14),
  }),
  plain("a clock that jumps, in MPEG-TS", [], {
    make: async (dir, name) => {
      ffmpeg(dir, ...source({ seconds: 4 }), ...X264, "-f", "mpegts", "one.ts");
      const later = ["-output_ts_offset", "1000", "-f", "mpegts", "two.ts"];
      ffmpeg(dir, ...source({ seconds: 4, first: 100 }), ...X264, ...later);
      await concat(dir, name, ["one.ts", "two.ts"]);
    },
  }),
  plain("a transport stream cut in the middle, whose clock wraps", [], {
    make: (dir, name) => {
      // 2^33 / 90000 s, less four.
      ffmpeg(
        dir,
        ...source(),
        ...X264,
        "-output_ts_offset",
        "95439.7",
        "-muxdelay",
        "0",
        "-f",
        "mpegts",
        name,
      );
    },
  }),
  plain("an AVI with dropped frames", [], {
    make: (dir, name) => {
      const drop = ["-vf", "select='not(gt(mod(n,50),40))'", ...passthrough()];
      ffmpeg(dir, ...source(), ...drop, ...MPEG4, "-f", "avi", name);
    },
    shown: (seconds) =>
      Math.min(Math.floor(seconds * RATE + 0.5) % 50, 40) + 50 * Math.floor((seconds * RATE + 0.5) / 50),
    // The file ends with the last picture that was not dropped.
    times: every(0.25, 0, 7.75),
  }),
  plain("every picture three times", [], {
    make: (dir, name) => {
      ffmpeg(dir, ...source({ rate: 5 }), "-vf", "fps=15", ...X264, "-f", "mp4", name);
    },
    options: { fps: 15 },
    shown: at(5),
    times: every(0.2, 0, 8),
    note: /repeat the previous one/,
  }),
  plain("a still beginning and a held last picture", [], {
    make: (dir, name) => {
      const still = "tpad=start_mode=clone:start_duration=3:stop_mode=clone:stop_duration=3";
      ffmpeg(dir, ...source({ seconds: 4 }), "-vf", still, ...X264, "-f", "mp4", name);
    },
    shown: (seconds) => Math.min(99, Math.max(0, (seconds - 3) * RATE)),
    times: [0, ...every(0.25, 3.25, 7), 7.25],
    note: /repeat the previous one/,
  }),
  plain("a fragmented MP4 that was cut out of a longer one", [], {
    make: async (dir, name) => {
      const hls = ["-hls_time", "1", "-hls_segment_type", "fmp4", "-hls_list_size", "0", "-f", "hls"];
      ffmpeg(dir, ...source({ seconds: 16 }), ...X264, "-g", "25", ...hls, "list.m3u8");
      const parts = every(1, 12, 16).map((part) => `list${part}.m4s`);
      await concat(dir, name, ["init.mp4", ...parts]);
    },
    shown: at(RATE, 12 * RATE),
    times: every(0.25, 0, 4),
  }),
  plain("gaps, as in a recording of a screen", [], {
    make: (dir, name) => {
      const busy = ["-vf", "select='lt(mod(t,4),2)'", ...passthrough()];
      ffmpeg(dir, ...source({ seconds: 12 }), ...busy, ...X264, "-f", "matroska", name);
    },
    times: every(0.25, 0, 10).filter((time) => time % 4 <= 2),
    note: /26 pictures for 40 frames/,
  }),
];
