import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ffmpeg } from "../counter-clip.ts";
import { addToSampleEntry, type Clip, every, MPEG4, patch, plain, source, X264 } from "./clip.ts";

/** Files that players show without trouble. */
export const CONTAINERS: readonly Clip[] = [
  plain("an ordinary MP4", [...X264, "-f", "mp4"]),
  plain("Matroska, whose stamps are milliseconds", [...X264, "-f", "matroska"]),
  plain("a QuickTime file", [...X264, "-f", "mov"]),
  plain("a fragmented MP4", [...X264, "-movflags", "frag_keyframe+empty_moov", "-g", "50", "-f", "mp4"]),
  plain("FLV", [...X264, "-f", "flv"]),
  plain("an MPEG program stream", ["-c:v", "mpeg2video", "-bf", "2", "-q:v", "2", "-f", "vob"]),
  plain("ASF, as WMV files are", [...MPEG4, "-f", "asf"]),
  plain("MXF", ["-c:v", "mpeg2video", "-q:v", "2", "-f", "mxf"]),
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
  plain("open groups of pictures, in MPEG-TS", [
    ...["-c:v", "libx264", "-preset", "ultrafast", "-bf", "4", "-b_strategy", "0", "-pix_fmt", "yuv420p"],
    ...["-x264-params", "open-gop=1:keyint=30", "-f", "mpegts"],
  ]),
  plain("an AVI with B-frames", [...MPEG4, "-bf", "2", "-f", "avi"]),
  plain("H.264 in AVI", [...X264, "-f", "avi"]),
  plain("MPEG-1 in AVI, whose decoder passes on the stamps of packets", [
    ...["-c:v", "mpeg1video", "-q:v", "2", "-bf", "2", "-f", "avi"],
  ]),
  plain("Xvid in AVI, with two pictures in a packet", [
    ...["-c:v", "libxvid", "-q:v", "2", "-bf", "2", "-f", "avi"],
  ]),
  // ffmpeg 9 writes no MXF with more than 128 pictures between key frames.
  plain("H.264 with B-frames in MXF", [...X264, "-g", "100", "-f", "mxf"]),
  plain("a preview stream first", [], {
    make: (dir, name) => {
      const preview = ["-f", "lavfi", "-i", "testsrc=s=160x120:r=1:d=8"];
      const maps = ["-map", "0:v", "-map", "1:v", "-c:v:0", "mjpeg", "-c:v:1", "mpeg4", "-q:v:1", "2"];
      const disposition = ["-disposition:v:0", "default", "-disposition:v:1", "0"];
      ffmpeg(dir, ...preview, ...source(), ...maps, ...disposition, "-f", "matroska", name);
    },
    note: /2 video tracks/,
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
  plain("sound that lasts longer", [], {
    make: (dir, name) => {
      const sound = ["-f", "lavfi", "-i", "sine=d=20", "-map", "0:v", "-map", "1:a"];
      ffmpeg(dir, ...source(), ...sound, ...X264, "-c:a", "aac", "-f", "mp4", name);
    },
  }),
];
