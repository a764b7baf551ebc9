import { describe, expect, it } from "vitest";
import { type FfmpegLists, missingFeatures, parseFfmpegVersion, supportedVersion } from "./ffmpeg-support.ts";

const printed = (version: string, libavutil: string) =>
  `ffmpeg version ${version} Copyright (c) 2000-2026 the FFmpeg developers\nconfiguration: --enable-gpl\nlibavutil      ${libavutil} / ${libavutil}\nlibavcodec     59. 37.100 / 59. 37.100`;

describe("supportedVersion", () => {
  it.each([
    ["Debian 12's", "5.1.9-0+deb12u1", "57. 28.100"],
    ["Debian 13's", "7.1.5-0+deb13u1", "59. 39.100"],
    ["Debian sid's", "9.0.2-4", "61.  1.102"],
    ["Ubuntu 22.04's", "4.4.2-0ubuntu0.22.04.1", "56. 70.100"],
    ["a static build", "7.0.2-static", "59.  8.100"],
    ["a build of a commit", "N-118448-g43be8d0728", "59. 56.100"],
  ])("takes %s", (_, text, libavutil) => {
    expect(supportedVersion("ffmpeg", printed(text, libavutil))).toMatchObject({ ok: true, value: { text } });
  });

  it.each([
    ["Debian 11's", "4.3.7-0+deb11u1", "56. 51.100"],
    ["imageio-ffmpeg's of 2019", "4.2.2-static", "56. 31.100"],
    ["an old one of a commit", "N-90000-gabcdef", "56.  0.100"],
    ["an ancient one", "2.8.17", "54. 31.100"],
  ])("names the found and the required version for %s", (_, text, libavutil) => {
    expect(supportedVersion("ffmpeg", printed(text, libavutil))).toEqual({
      ok: false,
      error: {
        code: "tool_unsupported",
        detail: `ffmpeg ${text} is too old; version 4.4 or newer is needed.`,
      },
    });
  });

  it("quotes the output of a program that is not ffmpeg", () => {
    const said = "ffprobe: error while loading shared libraries: libavdevice.so.58";
    expect(supportedVersion("/opt/ffprobe", said)).toMatchObject({
      ok: false,
      error: { code: "tool_unsupported", detail: expect.stringContaining("libavdevice.so.58") },
    });
  });

  it("reads ffprobe too", () => {
    const ffprobe = printed("6.1", "58. 29.100").replace("ffmpeg", "ffprobe");
    expect(parseFfmpegVersion(ffprobe)).toEqual({ text: "6.1", libavutil: [58, 29] });
  });
});

const row = (flags: string) => (name: string) => ` ${flags} ${name.padEnd(20)} something`;
const ENCODERS = ["mjpeg", "rawvideo"];
const FILTERS = [
  ...["crop", "format", "hflip", "scale", "select", "setpts", "settb", "showinfo", "split", "transpose"],
  ...["trim", "vflip", "yadif", "idet"],
];
const COMPLETE: FfmpegLists = {
  decoders: ["h264", "hevc", "mjpeg"].map(row("VFS..D")).join("\n"),
  encoders: ENCODERS.map(row("VFS...")).join("\n"),
  filters: FILTERS.map(row("TSC")).join("\n"),
  // ffmpeg 7 has a third column of flags.
  formats: [
    " D   mov,mp4,m4a,3gp,3g2,mj2 QuickTime / MOV",
    " D   matroska,webm   Matroska",
    " DE  avi             AVI",
    " DE  mpegts          MPEG-TS",
    "  E  image2          image2 sequence",
    " DE  rawvideo        raw video",
  ].join("\n"),
};

describe("missingFeatures", () => {
  it("is empty for a full build", () => {
    expect(missingFeatures(COMPLETE)).toEqual([]);
  });

  it.each<[keyof FfmpegLists, string, string]>([
    ["decoders", "hevc", "the decoder hevc"],
    ["decoders", "h264", "the decoder h264"],
    ["encoders", "mjpeg", "the encoder mjpeg"],
    ["filters", "yadif", "the filter yadif"],
    ["filters", "select", "the filter select"],
    ["formats", "mov,mp4", "the demuxer mov"],
    ["formats", "image2", "the muxer image2"],
  ])("names what is missing: in %s without %s", (list, name, missing) => {
    const rows = COMPLETE[list].split("\n").filter((line) => !line.includes(` ${name}`));
    expect(missingFeatures({ ...COMPLETE, [list]: rows.join("\n") })).toEqual([missing]);
  });

  it("accepts another library's H.264 decoder", () => {
    const decoders = COMPLETE.decoders.replace("h264 ", "libopenh264 ");
    expect(missingFeatures({ ...COMPLETE, decoders })).toEqual([]);
  });
});
