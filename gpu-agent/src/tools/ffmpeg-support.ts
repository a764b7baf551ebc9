import { err, type Failure, failure, ok, type Result } from "@splatt/shared";

/** Which ffmpeg the pipeline works with, judged by what `ffmpeg` and `ffprobe` report about themselves. */

/** ffmpeg 4.4, identified by its libavutil: builds without a release number have that too. */
const OLDEST = { text: "4.4", libavutil: [56, 70] } as const;
/** Newer ones are untested. ffmpeg 9 has libavutil 61. */
const NEWEST = { text: "9.x", libavutil: 61 } as const;

export interface FfmpegVersion {
  /** As the program prints it: "5.1.9-0+deb12u1", "7.0.2-static", "N-118448-g43be8d0728". */
  readonly text: string;
  readonly libavutil: readonly [major: number, minor: number];
}

/** Reads what `ffmpeg -version` or `ffprobe -version` prints; null when this is neither. */
export function parseFfmpegVersion(output: string): FfmpegVersion | null {
  const [, text] = /^ff(?:mpeg|probe) version (\S+)/m.exec(output) ?? [];
  const [, major, minor] = /^libavutil\s+(\d+)\.\s*(\d+)\./m.exec(output) ?? [];
  if (text === undefined || major === undefined) return null;
  return { text, libavutil: [Number(major), Number(minor)] };
}

/** @returns why the version is not supported, naming what is needed; null when it is */
export function versionObstacle(program: string, { text, libavutil }: FfmpegVersion): string | null {
  const [major, minor] = libavutil;
  const [oldestMajor, oldestMinor] = OLDEST.libavutil;
  const isOld = major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
  return isOld ? `${program} ${text} is too old; version ${OLDEST.text} or newer is needed.` : null;
}

/** Whether the version is newer than the tested ones. */
export function isUntested({ libavutil: [major] }: FfmpegVersion): boolean {
  return major > NEWEST.libavutil;
}

export const SUPPORTED_FFMPEG = `${OLDEST.text} to ${NEWEST.text}`;

/** What `ffmpeg -decoders`, `-encoders`, `-filters` and `-formats` print. */
export interface FfmpegLists {
  readonly decoders: string;
  readonly encoders: string;
  readonly filters: string;
  readonly formats: string;
}

/** The codecs of phones and cameras; an external library's decoder is fine too. */
const DECODERS = { h264: ["h264", "libopenh264"], hevc: ["hevc"] } as const;
const ENCODERS = ["mjpeg", "rawvideo"];
const FILTERS = [
  ...["crop", "format", "hflip", "scale", "select", "setpts", "settb", "showinfo", "split", "transpose"],
  ...["trim", "vflip", "yadif", "idet"],
];
const DEMUXERS = ["mov", "matroska", "avi", "mpegts"];
const MUXERS = ["image2", "rawvideo"];

/** @returns the features that every job needs and this ffmpeg lacks, each as in "the encoder mjpeg" */
export function missingFeatures({ decoders, encoders, filters, formats }: FfmpegLists): string[] {
  const lacks = (kind: string, names: readonly string[], has: (name: string) => boolean) =>
    names.filter((name) => !has(name)).map((name) => `the ${kind} ${name}`);
  return [
    ...lacks("decoder", Object.keys(DECODERS), (codec) =>
      DECODERS[codec as keyof typeof DECODERS].some((name) => listHas(decoders, /^ V/, name)),
    ),
    ...lacks("encoder", ENCODERS, (name) => listHas(encoders, /^ V/, name)),
    ...lacks("filter", FILTERS, (name) => listHas(filters, /^ [T.]/, name)),
    ...lacks("demuxer", DEMUXERS, (name) => listHas(formats, /^ D/, name)),
    ...lacks("muxer", MUXERS, (name) => listHas(formats, /^ [D ]?E/, name)),
  ];
}

/** Whether a list has a name, alone or among others as in "mov,mp4,m4a", in a row that begins with `flags`. */
function listHas(list: string, flags: RegExp, name: string): boolean {
  return list.split("\n").some((row) => {
    // From ffmpeg 7 on, a separate column marks devices with a "d".
    const [, second = "", third = ""] = row.trim().split(/\s+/);
    const names = second === "d" ? third : second;
    return flags.test(row) && names.split(",").includes(name);
  });
}

/** @returns the version, or `tool_unsupported` for one that is too old or is not ffmpeg at all */
export function supportedVersion(program: string, output: string): Result<FfmpegVersion, Failure> {
  const version = parseFfmpegVersion(output);
  if (version === null) {
    const said = output.split("\n")[0] || "nothing";
    return err(
      failure(
        "tool_unsupported",
        `${program} does not answer like ffmpeg: it prints ${JSON.stringify(said)}.`,
      ),
    );
  }
  const obstacle = versionObstacle(program, version);
  return obstacle === null ? ok(version) : err(failure("tool_unsupported", obstacle));
}
