import { ffmpeg } from "../counter-clip.ts";
import { addToSampleEntry, type Clip, concat, every, patch, plain, source, X264 } from "./clip.ts";

function displayMatrix(bytes: Buffer, matrix: readonly number[]): Buffer {
  const at = bytes.indexOf("tkhd") + 44;
  const [a = 0, b = 0, c = 0, d = 0] = matrix;
  [a, b, 0, c, d, 0, 0, 0].forEach((value, i) => {
    bytes.writeInt32BE(value * 65536, at + 4 * i);
  });
  bytes.writeInt32BE(0x40000000, at + 32);
  return bytes;
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

/** Sizes, orientations, crops, borders and shapes of pixels. */
export const GEOMETRY: readonly Clip[] = [
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
  plain("cropped on its left by the stream", [
    ...["-vf", "pad=328:240:8:0:gray", ...X264, "-bsf:v", "h264_metadata=crop_left=8", "-f", "mp4"],
  ]),
  plain("letterboxed", [...X264, "-vf", "pad=320:320:0:40:black", "-f", "mp4"], {
    size: [320, 236],
    note: /Borders .* 320×320 to 320×236/,
  }),
  plain("pillarboxed", [...X264, "-vf", "pad=480:240:80:0:black", "-f", "mp4"], {
    size: [316, 240],
    note: /Borders/,
  }),
  plain("oblong pixels", [...X264, "-vf", "scale=160:240,setsar=2", "-f", "mp4"]),
];
