import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Counter, counterSource, ffmpeg, passthrough } from "./counter-clip.ts";
import { joinMovies } from "./join-movies.ts";

/** A small video of a common kind, and the frames expected from it. */
export interface Clip {
  /** What is special about it. */
  readonly kind: string;
  readonly options?: { readonly fps?: number; readonly start_sec?: number; readonly end_sec?: number };
  /** Makes the file `name` in `dir`. */
  make(dir: string, name: string): Promise<void> | void;
  /** The number of the picture shown at a time, in seconds after the file's beginning, as a player shows it. */
  readonly shown: (seconds: number) => number;
  /** The expected times of the frames. */
  readonly times: readonly number[];
  readonly size: readonly [width: number, height: number];
  /** A note that is expected. */
  readonly note?: RegExp;
}

const RATE = 25;
const PLAIN: Counter = { width: 320, height: 240, rate: RATE, seconds: 8 };
const SIZE = [320, 240] as const;

/** x264 is in every ffmpeg that people install; key frames every ten seconds are its default. */
const X264 = [
  "-c:v",
  "libx264",
  "-preset",
  "ultrafast",
  "-bf",
  "2",
  "-b_strategy",
  "0",
  "-pix_fmt",
  "yuv420p",
];
const MPEG4 = ["-c:v", "mpeg4", "-q:v", "2"];

function source(counter: Partial<Counter> = {}): string[] {
  return ["-f", "lavfi", "-i", counterSource({ ...PLAIN, ...counter })];
}

/** Times at an even pace. */
function every(step: number, from: number, to: number): number[] {
  return Array.from({ length: Math.round((to - from) / step) }, (_, i) => from + i * step);
}

const at =
  (rate: number, first = 0) =>
  (seconds: number) =>
    first + seconds * rate;

function plain(kind: string, args: readonly string[], rest: Partial<Clip> = {}): Clip {
  return {
    kind,
    make: (dir, name) => ffmpeg(dir, ...source(), ...args, name),
    shown: at(RATE),
    times: every(0.25, 0, 8),
    size: SIZE,
    ...rest,
  };
}

async function concat(dir: string, name: string, parts: readonly string[]): Promise<void> {
  await writeFile(
    join(dir, name),
    Buffer.concat(await Promise.all(parts.map((part) => readFile(join(dir, part))))),
  );
}

async function patch(dir: string, name: string, change: (bytes: Buffer) => Buffer): Promise<void> {
  await writeFile(join(dir, name), change(await readFile(join(dir, name))));
}

/** Hides the only box of a type by overwriting that type. */
function hideBox(bytes: Buffer, type: string): Buffer {
  bytes.write("free", bytes.indexOf(type), "latin1");
  return bytes;
}

function displayMatrix(bytes: Buffer, matrix: readonly number[]): Buffer {
  const at = bytes.indexOf("tkhd") + 44;
  const [a = 0, b = 0, c = 0, d = 0] = matrix;
  [a, b, 0, c, d, 0, 0, 0].forEach((value, i) => {
    bytes.writeInt32BE(value * 65536, at + 4 * i);
  });
  bytes.writeInt32BE(0x40000000, at + 32);
  return bytes;
}

/** Adds a child box to the only video sample entry. */
export function addToSampleEntry(bytes: Buffer, box: Buffer): Buffer {
  const entry = bytes.indexOf("avcC") - 4;
  const moov = bytes.indexOf("moov");
  const outer = ["moov", "trak", "mdia", "minf", "stbl", "stsd", "avc1"].map(
    (type) => bytes.indexOf(type, moov) - 4,
  );
  for (const start of outer) bytes.writeUInt32BE(bytes.readUInt32BE(start) + box.length, start);
  return Buffer.concat([bytes.subarray(0, entry), box, bytes.subarray(entry)]);
}

/** Adds the elements that crop borders, in pixels, to the only track of a Matroska file of 400×280. */
function cropMatroska(bytes: Buffer, horizontal: number, vertical: number): Buffer {
  const sides = [0x54, 0xcc, 0x81, horizontal, 0x54, 0xdd, 0x81, horizontal];
  const ends = [0x54, 0xbb, 0x81, vertical, 0x54, 0xaa, 0x81, vertical];
  const crop = Buffer.from([...sides, ...ends]);
  const segment = bytes.indexOf(Buffer.from("18538067", "hex"));
  const tracks = bytes.indexOf(Buffer.from("1654ae6b", "hex"), segment + 200);
  const track = tracks + 4 + sizeLength(bytes, tracks + 4);
  // The settings begin with the stored size, after their own identifier and size.
  const settings = bytes.indexOf(Buffer.from("b0820190ba820118", "hex"), track);
  for (const at of [segment + 4, tracks + 4, track + 1, settings - 1]) {
    const last = at + sizeLength(bytes, at) - 1;
    const first = Math.max(at, last - 1);
    bytes.writeUIntBE(bytes.readUIntBE(first, last - first + 1) + crop.length, first, last - first + 1);
  }
  return Buffer.concat([bytes.subarray(0, settings), crop, bytes.subarray(settings)]);
}

/** The leading zeros of the first byte give the length of an element's size. */
function sizeLength(bytes: Buffer, at: number): number {
  return Math.clz32(bytes[at] ?? 0) - 23;
}

/** The bitstream filter that declares an orientation in the messages (SEI) of H.264. */
function turnMessage(turn: string): string {
  return `h264_metadata=display_orientation=insert:${turn}`;
}

function cleanAperture(width: number, height: number): Buffer {
  const box = Buffer.alloc(40);
  box.writeUInt32BE(40, 0);
  box.write("clap", 4, "latin1");
  [width, 1, height, 1, 0, 1, 0, 1].forEach((value, i) => {
    box.writeInt32BE(value, 8 + 4 * i);
  });
  return box;
}

export const CORPUS: readonly Clip[] = [
  plain("an ordinary MP4", [...X264, "-f", "mp4"]),
  plain("Matroska, whose stamps are milliseconds", [...X264, "-f", "matroska"]),
  plain("a QuickTime file", [...X264, "-f", "mov"]),
  plain("a fragmented MP4", [...X264, "-movflags", "frag_keyframe+empty_moov", "-g", "50", "-f", "mp4"]),
  plain("FLV", [...X264, "-f", "flv"]),
  plain("an MPEG program stream", ["-c:v", "mpeg2video", "-bf", "2", "-q:v", "2", "-f", "vob"]),
  plain("ASF, as WMV files are", [...MPEG4, "-f", "asf"]),
  plain("MXF", ["-c:v", "mpeg2video", "-q:v", "2", "-f", "mxf"]),
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
  plain("VP9 in WebM", [
    "-c:v",
    "libvpx-vp9",
    "-deadline",
    "realtime",
    "-cpu-used",
    "8",
    "-b:v",
    "1M",
    "-f",
    "webm",
  ]),
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
  plain("a track of sensor data first, as action cameras have", [], {
    make: async (dir, name) => {
      await writeFile(join(dir, "data.srt"), "1\n00:00:00,000 --> 00:00:08,000\nACCL 1 2 3\n");
      const maps = ["-map", "0:s", "-map", "1:v", "-c:s", "mov_text", ...X264];
      ffmpeg(dir, "-i", "data.srt", ...source(), ...maps, "-f", "mp4", name);
      await patch(dir, name, (bytes) => {
        bytes.write("gpmd", bytes.indexOf("tx3g"), "latin1");
        bytes.write("meta", bytes.indexOf("sbtl"), "latin1");
        return bytes;
      });
    },
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
  plain("open groups of pictures, in MPEG-TS", [
    ...["-c:v", "libx264", "-preset", "ultrafast", "-bf", "4", "-b_strategy", "0", "-pix_fmt", "yuv420p"],
    ...["-x264-params", "open-gop=1:keyint=30", "-f", "mpegts"],
  ]),
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
  plain("a first picture that is damaged", [], {
    make: async (dir, name) => {
      ffmpeg(dir, ...source(), ...X264, "-g", "10", "-f", "mp4", name);
      await patch(dir, name, (bytes) =>
        bytes.fill(0x55, bytes.indexOf("mdat") + 800, bytes.indexOf("mdat") + 4000),
      );
    },
    options: { start_sec: 1 },
    times: every(0.25, 1, 8),
    note: /damaged: parts of some frames may be smeared/,
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
  plain("an AVI with B-frames", [...MPEG4, "-bf", "2", "-f", "avi"]),
  plain("H.264 in AVI", [...X264, "-f", "avi"]),
  plain("MPEG-1 in AVI, whose decoder passes on the stamps of packets", [
    ...["-c:v", "mpeg1video", "-q:v", "2", "-bf", "2", "-f", "avi"],
  ]),
  plain("Xvid in AVI, with two pictures in a packet", [
    ...["-c:v", "libxvid", "-q:v", "2", "-bf", "2", "-f", "avi"],
  ]),
  plain("a colour matrix that newer versions of ffmpeg refuse", [
    ...["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"],
    ...["-bsf:v", "h264_metadata=colour_primaries=9:matrix_coefficients=10", "-f", "mp4"],
  ]),
  plain("a reserved colour matrix, which versions 7 and 8 of ffmpeg refuse", [
    ...["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"],
    ...["-bsf:v", "h264_metadata=matrix_coefficients=3", "-f", "mp4"],
  ]),
  plain("a reserved colour matrix in the container", [...MPEG4, "-colorspace", "3", "-f", "matroska"]),
  plain("a colour matrix of no name, in MPEG-2", [
    ...[
      "-c:v",
      "mpeg2video",
      "-q:v",
      "2",
      "-bsf:v",
      "mpeg2_metadata=matrix_coefficients=100",
      "-f",
      "mpegts",
    ],
  ]),
  plain("a logarithmic transfer, which newer versions of ffmpeg refuse", [
    ...["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"],
    ...["-bsf:v", "h264_metadata=transfer_characteristics=10", "-f", "mp4"],
  ]),
  plain("H.264 with B-frames in MXF", [...X264, "-f", "mxf"]),
  plain("a preview stream first", [], {
    make: (dir, name) => {
      const preview = ["-f", "lavfi", "-i", "testsrc=s=160x120:r=1:d=8"];
      const maps = ["-map", "0:v", "-map", "1:v", "-c:v:0", "mjpeg", "-c:v:1", "mpeg4", "-q:v:1", "2"];
      const disposition = ["-disposition:v:0", "default", "-disposition:v:1", "0"];
      ffmpeg(dir, ...preview, ...source(), ...maps, ...disposition, "-f", "matroska", name);
    },
    note: /2 video tracks/,
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
  plain("a size that changes", [], {
    make: async (dir, name) => {
      const tall = { width: 240, height: 320, seconds: 3, first: 125 };
      ffmpeg(dir, ...source({ seconds: 5 }), ...X264, "-f", "mpegts", "wide.ts");
      ffmpeg(dir, ...source(tall), ...X264, "-f", "mpegts", "tall.ts");
      await concat(dir, name, ["wide.ts", "tall.ts"]);
    },
    times: every(0.25, 0, 5),
    note: /longest stretch, of 320×240/,
  }),
  plain("a size that changes, in a fragmented MP4, where the second one lasts longer", [], {
    make: async (dir, name) => {
      const tall = { width: 240, height: 320, seconds: 5, first: 75 };
      ffmpeg(dir, ...source({ seconds: 3 }), ...X264, "-f", "mpegts", "wide.ts");
      ffmpeg(dir, ...source(tall), ...X264, "-f", "mpegts", "tall.ts");
      await concat(dir, "both.ts", ["wide.ts", "tall.ts"]);
      const fragments = ["-movflags", "frag_keyframe+empty_moov", "-f", "mp4"];
      ffmpeg(dir, "-i", "both.ts", "-c", "copy", ...fragments, name);
    },
    times: every(0.25, 3, 8),
    size: [240, 320],
    note: /longest stretch, of 240×320/,
  }),
  plain("a shape of pixels that changes, as in broadcasts", [], {
    make: async (dir, name) => {
      const narrow = (seconds: number, first: number, aspect: string) => [
        ...source({ seconds, first }),
        ...["-vf", `scale=160:240,setsar=${aspect}`, ...X264, "-g", "25", "-f", "mpegts"],
      ];
      ffmpeg(dir, ...narrow(3, 0, "1"), "one.ts");
      ffmpeg(dir, ...narrow(5, 75, "2"), "two.ts");
      await concat(dir, name, ["one.ts", "two.ts"]);
    },
    times: every(0.25, 3, 8),
    note: /longest stretch, of 320×240/,
  }),
  plain("an orientation in messages of the stream", [], {
    make: (dir, name) => {
      const turned = ["-vf", "transpose=cclock", ...X264, "-g", "25", "-bsf:v", turnMessage("rotate=-90")];
      ffmpeg(dir, ...source(), ...turned, "-f", "mp4", name);
    },
  }),
  plain("a mirrored orientation in messages of a transport stream", [], {
    make: (dir, name) => {
      const mirrored = ["-vf", "vflip", ...X264, "-g", "25", "-bsf:v", turnMessage("rotate=0:flip=vertical")];
      ffmpeg(dir, ...source(), ...mirrored, "-f", "mpegts", name);
    },
  }),
  plain("a phone that is turned while it films", [], {
    make: async (dir, name) => {
      const groups = [...X264, "-g", "25"];
      const turned = ["-vf", "hflip,vflip", ...groups, "-bsf:v", turnMessage("rotate=180")];
      ffmpeg(dir, ...source({ seconds: 3 }), ...groups, "-f", "mpegts", "upright.ts");
      ffmpeg(dir, ...source({ seconds: 5, first: 75 }), ...turned, "-f", "mpegts", "turned.ts");
      await concat(dir, name, ["upright.ts", "turned.ts"]);
    },
    times: every(0.25, 3, 8),
    note: /size or orientation .* longest stretch, of 320×240/,
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
  plain("turned and mirrored", [], {
    make: async (dir, name) => {
      ffmpeg(dir, ...source(), "-vf", "transpose=cclock_flip", ...X264, "-f", "mp4", name);
      await patch(dir, name, (bytes) => displayMatrix(bytes, [0, 1, 1, 0]));
    },
  }),
  plain("turned by a quarter", [], {
    make: async (dir, name) => {
      ffmpeg(dir, ...source(), "-vf", "transpose=cclock", ...X264, "-f", "mp4", name);
      await patch(dir, name, (bytes) => displayMatrix(bytes, [0, 1, -1, 0]));
    },
  }),
  plain("cropped by the container (clap)", [], {
    make: async (dir, name) => {
      ffmpeg(dir, ...source(), "-vf", "pad=400:280:40:20:gray", ...X264, "-f", "mp4", name);
      await patch(dir, name, (bytes) => addToSampleEntry(bytes, cleanAperture(320, 240)));
    },
  }),
  plain("spatial video", [], {
    make: async (dir, name) => {
      ffmpeg(dir, ...source({ seconds: 4 }), ...X264, "-f", "mp4", name);
      // The box that says how the eyes are stored; an empty one is enough to know that there are two.
      // Both eyes are there: ffmpeg 7.1 and later refuse an empty box.
      const box = "\0\0\0\x1dvexu\0\0\0\x15eyes\0\0\0\x0dstri\0\0\0\0\x03";
      await patch(dir, name, (bytes) => addToSampleEntry(bytes, Buffer.from(box, "latin1")));
    },
    times: every(0.25, 0, 4),
    note: /only the pictures of one eye/,
  }),
  plain("cropped by the container (Matroska)", [], {
    make: async (dir, name) => {
      const bordered = ["-vf", "pad=400:280:40:20:gray", ...X264];
      // The title makes the track so large that its size has room to grow.
      const container = [
        "-metadata:s:v",
        `title=${"cropped ".repeat(9)}`,
        "-write_crc32",
        "0",
        "-f",
        "matroska",
      ];
      ffmpeg(dir, ...source(), ...bordered, ...container, name);
      await patch(dir, name, (bytes) => cropMatroska(bytes, 40, 20));
    },
  }),
  plain("cropped and turned", [], {
    make: async (dir, name) => {
      const sideways = "transpose=cclock,pad=280:400:20:40:gray";
      ffmpeg(dir, ...source(), "-vf", sideways, ...X264, "-f", "mp4", name);
      await patch(dir, name, (bytes) =>
        displayMatrix(addToSampleEntry(bytes, cleanAperture(240, 320)), [0, 1, -1, 0]),
      );
    },
  }),
  plain("letterboxed", [...X264, "-vf", "pad=320:320:0:40:black", "-f", "mp4"], {
    size: [320, 236],
    note: /Borders .* 320×320 to 320×236/,
  }),
  plain("pillarboxed", [...X264, "-vf", "pad=480:240:80:0:black", "-f", "mp4"], {
    size: [316, 240],
    note: /Borders/,
  }),
  plain("oblong pixels", [...X264, "-vf", "scale=160:240,setsar=2", "-f", "mp4"]),
  plain("interlaced", [], {
    make: (dir, name) => {
      const fields = ["-vf", "tinterlace=interleave_top,setfield=tff"];
      const flags = ["-c:v", "mpeg2video", "-q:v", "2", "-flags", "+ildct+ilme", "-f", "mpegts"];
      ffmpeg(dir, ...source({ rate: 50 }), ...fields, ...flags, name);
    },
    shown: at(50),
  }),
  plain("gaps, as in a recording of a screen", [], {
    make: (dir, name) => {
      const busy = ["-vf", "select='lt(mod(t,4),2)'", ...passthrough()];
      ffmpeg(dir, ...source({ seconds: 12 }), ...busy, ...X264, "-f", "matroska", name);
    },
    times: every(0.25, 0, 10).filter((time) => time % 4 <= 2),
    note: /26 pictures for 40 frames/,
  }),
  plain("sound that lasts longer", [], {
    make: (dir, name) => {
      const sound = ["-f", "lavfi", "-i", "sine=d=20", "-map", "0:v", "-map", "1:a"];
      ffmpeg(dir, ...source(), ...sound, ...X264, "-c:a", "aac", "-f", "mp4", name);
    },
  }),
];
