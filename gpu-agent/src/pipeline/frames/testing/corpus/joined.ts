import { join } from "node:path";
import { ffmpeg } from "../counter-clip.ts";
import { joinMovies } from "../join-movies.ts";
import { at, type Clip, concat, every, MPEG4, plain, RATE, source, X264 } from "./clip.ts";

/** Several recordings in one file. */
export const JOINED: readonly Clip[] = [
  plain("joined clips, each with its own clock", [], {
    make: async (dir, name) => {
      ffmpeg(dir, ...source({ seconds: 4 }), ...X264, "-f", "mpegts", "one.ts");
      ffmpeg(dir, ...source({ seconds: 4, first: 100 }), ...X264, "-f", "mpegts", "two.ts");
      await concat(dir, name, ["one.ts", "two.ts"]);
    },
  }),
  plain("a transport stream whose codec changes", [], {
    make: async (dir, name) => {
      ffmpeg(dir, ...source({ seconds: 2 }), "-c:v", "mpeg2video", "-f", "mpegts", "one.ts");
      const better = source({ seconds: 6, first: 50 });
      ffmpeg(dir, ...better, ...X264, "-crf", "5", "-f", "mpegts", "two.ts");
      await concat(dir, name, ["one.ts", "two.ts"]);
    },
    shown: at(RATE, 50),
    times: every(0.25, 0, 6),
    note: /codec changes/,
  }),
  plain("a transport stream whose codec changes and back", [], {
    make: async (dir, name) => {
      const parts = [2, 5, 2].map((seconds, i) => ({ seconds, first: [0, 50, 175][i] ?? 0 }));
      for (const [i, part] of parts.entries()) {
        const codec = i === 1 ? [...X264, "-crf", "5"] : ["-c:v", "mpeg2video"];
        ffmpeg(dir, ...source(part), ...codec, "-f", "mpegts", `${i}.ts`);
      }
      await concat(dir, name, ["0.ts", "1.ts", "2.ts"]);
    },
    shown: at(RATE, 50),
    times: every(0.25, 0, 5),
    note: /codec changes/,
  }),
  plain("a transport stream with time codes, whose codec changes late", [], {
    make: async (dir, name) => {
      const output = ["-mpegts_m2ts_mode", "1", "-f", "mpegts"];
      ffmpeg(dir, ...source({ seconds: 6 }), "-c:v", "mpeg2video", "-q:v", "2", ...output, "one.ts");
      ffmpeg(dir, ...source({ seconds: 2 }), ...X264, ...output, "two.ts");
      await concat(dir, name, ["one.ts", "two.ts"]);
    },
    times: every(0.25, 0, 6),
    note: /codec changes/,
  }),
  plain("an MP4 whose parameters change and back", [], {
    make: async (dir, name) => {
      const presets = ["ultrafast", "fast", "ultrafast"];
      for (const [i, preset] of presets.entries()) {
        const settings = ["-c:v", "libx264", "-preset", preset, "-bf", "0", "-pix_fmt", "yuv420p"];
        ffmpeg(
          dir,
          ...source({ seconds: 2 + i, first: [0, 50, 125][i] ?? 0 }),
          ...settings,
          "-f",
          "mp4",
          `${i}.mp4`,
        );
      }
      const parts = presets.map((_, i) => ({ file: join(dir, `${i}.mp4`), description: i === 1 ? 2 : 1 }));
      await joinMovies(join(dir, name), parts);
    },
    times: every(0.25, 0, 9),
  }),
  plain("an MP4 whose codec changes", [], {
    make: async (dir, name) => {
      ffmpeg(dir, ...source({ seconds: 5 }), ...X264, "-bf", "0", "-f", "mp4", "one.mp4");
      ffmpeg(dir, ...source({ seconds: 3, first: 125 }), ...MPEG4, "-f", "mp4", "two.mp4");
      const parts = ["one.mp4", "two.mp4"].map((file, i) => ({ file: join(dir, file), description: i + 1 }));
      await joinMovies(join(dir, name), parts);
    },
    times: every(0.25, 0, 5),
    note: /codec changes .* 6\d %/,
  }),
  plain("joined clips in Ogg", [], {
    make: async (dir, name) => {
      const theora = ["-c:v", "libtheora", "-q:v", "8", "-f", "ogg"];
      ffmpeg(dir, ...source({ seconds: 4 }), ...theora, "one.ogv");
      ffmpeg(dir, ...source({ seconds: 4, first: 100 }), ...theora, "two.ogv");
      await concat(dir, name, ["one.ogv", "two.ogv"]);
    },
  }),
  plain("the same clip twice", [], {
    make: async (dir, name) => {
      ffmpeg(dir, ...source({ seconds: 4 }), ...X264, "-f", "mpegts", "one.ts");
      await concat(dir, name, ["one.ts", "one.ts"]);
    },
    shown: (seconds) => RATE * (seconds % 4),
  }),
  plain("joined clips of different rates", [], {
    make: async (dir, name) => {
      ffmpeg(dir, ...source({ seconds: 4 }), ...X264, "-f", "mpegts", "one.ts");
      const fast = source({ rate: 2 * RATE, seconds: 4, first: 100 });
      ffmpeg(dir, ...fast, ...X264, "-f", "mpegts", "two.ts");
      await concat(dir, name, ["one.ts", "two.ts"]);
    },
    shown: (seconds) => (seconds < 4 ? RATE * seconds : 100 + 2 * RATE * (seconds - 4)),
  }),
  plain("joined Matroska files, whose parameters differ", [], {
    make: async (dir, name) => {
      const other = ["-c:v", "libx264", "-preset", "medium", "-pix_fmt", "yuv420p"];
      ffmpeg(dir, ...source({ seconds: 3 }), ...X264, "-f", "matroska", "one.mkv");
      ffmpeg(dir, ...source({ seconds: 5, first: 75 }), ...other, "-crf", "10", "-f", "matroska", "two.mkv");
      await concat(dir, name, ["one.mkv", "two.mkv"]);
    },
    shown: at(RATE, 75),
    times: every(0.25, 0, 5),
    note: /several videos, .* Only the longest was read/,
  }),
  plain("joined Matroska files", [], {
    make: async (dir, name) => {
      ffmpeg(dir, ...source({ seconds: 3 }), ...X264, "-f", "matroska", "one.mkv");
      ffmpeg(dir, ...source({ seconds: 5, first: 75 }), ...X264, "-f", "matroska", "two.mkv");
      await concat(dir, name, ["one.mkv", "two.mkv"]);
    },
  }),
  plain("joined recordings of a browser, whose parameters differ", [], {
    make: async (dir, name) => {
      const fragments = ["-bf", "0", "-g", "25", "-movflags", "frag_keyframe+empty_moov", "-f", "mp4"];
      ffmpeg(dir, ...source({ seconds: 3 }), ...X264, ...fragments, "one.mp4");
      const other = ["-c:v", "libx264", "-preset", "superfast", "-pix_fmt", "yuv420p", "-crf", "10"];
      ffmpeg(dir, ...source({ seconds: 5, first: 75 }), ...other, ...fragments, "two.mp4");
      await concat(dir, name, ["one.mp4", "two.mp4"]);
    },
    shown: at(RATE, 75),
    times: every(0.25, 0, 5),
    note: /several videos, .* Only the longest was read/,
  }),
];
