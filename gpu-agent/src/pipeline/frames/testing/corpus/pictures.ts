import { ffmpeg } from "../counter-clip.ts";
import { type Clip, every, MPEG4, patch, plain, source, X264 } from "./clip.ts";

/** Colours and damage. */
export const PICTURES: readonly Clip[] = [
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
  plain(
    "a colour matrix that newer versions of ffmpeg refuse",
    [
      ...["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"],
      ...["-bsf:v", "h264_metadata=colour_primaries=9:matrix_coefficients=10", "-f", "mp4"],
    ],
    { colours: "unknown" },
  ),
  plain("a reserved colour matrix, which versions 7 and 8 of ffmpeg refuse", [
    ...["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"],
    ...["-bsf:v", "h264_metadata=matrix_coefficients=3", "-f", "mp4"],
  ]),
  plain("a reserved colour matrix in the container", [], {
    make: async (dir, name) => {
      ffmpeg(dir, ...source(), ...MPEG4, "-colorspace", "bt470bg", "-f", "matroska", name);
      await patch(dir, name, (bytes) => {
        bytes.writeUInt8(3, bytes.indexOf("55b18105", "hex") + 3);
        return bytes;
      });
    },
  }),
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
  plain("a first picture that is damaged, where each stands alone", [], {
    make: async (dir, name) => {
      const jpegs = ["-c:v", "mjpeg", "-q:v", "3", "-pix_fmt", "yuvj420p", "-f", "mov"];
      ffmpeg(dir, ...source(), ...jpegs, name);
      await patch(dir, name, (bytes) =>
        bytes.fill(0x55, bytes.indexOf("mdat") + 800, bytes.indexOf("mdat") + 2800),
      );
    },
    options: { start_sec: 1 },
    times: every(0.25, 1, 8),
    note: /damaged: parts of some frames may be smeared/,
  }),
  plain("a transport stream of HEVC that has lost packets", [], {
    make: async (dir, name) => {
      const groups = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "keyint=50:log-level=error"];
      ffmpeg(dir, ...source(), ...groups, "-f", "mpegts", name);
      // In the first group, whose pictures are not asked for.
      await patch(dir, name, (bytes) => {
        const lost = 188 * Math.floor(bytes.length / 188 / 12);
        return Buffer.concat([bytes.subarray(0, lost), bytes.subarray(lost + 3 * 188)]);
      });
    },
    options: { start_sec: 2 },
    times: every(0.25, 2, 8),
    note: /Packets of the transport stream are missing/,
  }),
  plain("colours of BT.709", [
    ...["-vf", "scale=out_color_matrix=bt709", ...X264, "-colorspace", "bt709", "-f", "mp4"],
  ]),
  plain("HDR (HLG)", [], {
    make: (dir, name) => {
      const hlg = ["-pix_fmt", "yuv420p10le", "-colorspace", "bt2020nc", "-color_trc", "arib-std-b67"];
      ffmpeg(
        dir,
        ...source({ seconds: 3 }),
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        ...hlg,
        "-f",
        "mp4",
        name,
      );
    },
    times: every(0.25, 0, 3),
    colours: "unknown",
  }),
  plain("colours at full range", ["-vf", "scale=out_range=pc", ...X264, "-color_range", "pc", "-f", "mp4"]),
  plain("colours of HD, which nothing declares", [], {
    make: (dir, name) => {
      const hd = ["-vf", "scale=960:720:out_color_matrix=bt709", ...X264, "-f", "mp4"];
      ffmpeg(dir, ...source({ seconds: 3 }), ...hd, name);
    },
    times: every(0.25, 0, 3),
    size: [960, 720],
  }),
];
