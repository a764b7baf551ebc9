import type { Rectangle } from "./bars.ts";
import { colourFilters, hiddenMatrix, namedColours, type VideoColour } from "./colour.ts";
import { type Fields, fieldFilters } from "./fields.ts";
import { type Orientation, orientationFilters } from "./orientation.ts";
import { inputOptions } from "./probe.ts";

const CANDIDATE_PATTERN = "candidate_%05d.jpg";
/** ffmpeg's scale from 1 to 31, where 2 is next to lossless. */
const JPEG_QUALITY = 2;
const MAX_INTERLACED_LINES = 1088;
/** Above this only two threads decode: each thread's pictures take up to half a gigabyte. */
const LARGE_PICTURE_PIXELS = 20_000_000;

interface Size {
  readonly width: number;
  readonly height: number;
}

export interface PictureStamps {
  /** Seconds per unit. */
  readonly unit: number;
  readonly stamps: readonly (number | null)[];
}

/** One pass over the video: what to decode, which pictures to write, and how. */
export interface DecodeRequest {
  /** By which ffmpeg reads the file. */
  readonly url: string;
  readonly stream: number;
  readonly codec: string | null;
  /** The pictures to write, ascending, numbered in the order of presentation. */
  readonly picks: readonly number[];
  /**
   * The time stamps of all pictures, to find the picks by: where ffmpeg restarts its filters within the video, their
   * counters begin again. Null finds them by number.
   */
  readonly stamps: PictureStamps | null;
  /** Decodes only this many pictures from the start; null decodes all. */
  readonly stopAfter: number | null;
  readonly fields: Fields;
  /** The part of the decoded picture that the container declares visible. */
  readonly crop: Rectangle | null;
  /** The part of `visible` without black bars. */
  readonly bars: Rectangle | null;
  readonly orientation: Orientation;
  readonly colour: VideoColour;
  /** Whether the decoder must not see the declared colour matrix, because this ffmpeg refuses it. */
  readonly hideMatrix: boolean;
  readonly toneMap: boolean;
  /** Of the frames, upright. */
  readonly frameSize: Size;
  /** Of the small grey copies, which show what `crop` leaves, not turned. */
  readonly greySize: Size;
}

/** The file of a candidate, by its number from 0. */
export function candidateName(index: number): string {
  return `candidate_${String(index + 1).padStart(5, "0")}.jpg`;
}

/**
 * The arguments for ffmpeg, which must run in the candidates' folder. It reports every decoded and every written
 * picture on stderr (see `DecodeLog`), and also writes each written picture to stdout, small and grey, one byte per
 * pixel.
 */
export function decodeArguments(request: DecodeRequest): string[] {
  const each = ["-an", "-sn", "-dn", ...(request.stamps === null ? ["-r", SLOW_RATE] : AS_STAMPED)];
  return [
    // Prefix each log line with its level, and do not fold lines into "Last message repeated".
    ...["-hide_banner", "-nostdin", "-nostats", "-v", "repeat+level+info"],
    ...inputOptions(),
    ...threadOptions(request),
    ...(request.hideMatrix ? hiddenMatrix(request.codec) : []),
    // Keep pictures and time stamps as stored: newer versions would rotate and shift them by rules that older
    // ones lack.
    ...["-copyts", "-noautorotate", "-reinit_filter", "0"],
    // Older versions keep what H.264 and HEVC crop on the left, for the sake of speed.
    ...["-flags:v", "unaligned", "-i", request.url],
    ...["-filter_complex", filterGraph(request)],
    ...["-map", "[frames]", ...each, "-c:v", "mjpeg", "-q:v", String(JPEG_QUALITY), "-f", "image2", "-y"],
    ...[CANDIDATE_PATTERN, "-map", "[grey]", ...each, "-c:v", "rawvideo", "-f", "rawvideo", "pipe:1"],
  ];
}

/** Theora's decoder takes the headers of a second clip in the same file with one thread only. */
function threadOptions({ codec, colour }: DecodeRequest): string[] {
  if (codec === "theora") return ["-threads", "1"];
  return colour.width * colour.height > LARGE_PICTURE_PIXELS ? ["-threads", "2"] : [];
}

/**
 * ffmpeg repeats and drops pictures to keep the output's frame rate, by rules that differ between versions, and the
 * option against it was renamed. At a million seconds per picture no version does so.
 */
const SLOW_UNIT = "1000000";
const SLOW_RATE = `1/${SLOW_UNIT}`;
/** The versions that restart their filters know this. */
const AS_STAMPED = ["-vsync", "passthrough", "-enc_time_base", "1/1000000"];

function filterGraph(request: DecodeRequest): string {
  const { stopAfter, fields, frameSize, greySize } = request;
  const picks = pickFilters(request);
  const chain = [
    ...(stopAfter === null ? [] : [`trim=end_frame=${stopAfter}`]),
    "showinfo@decoded=checksum=0",
    ...namedColours(request.colour),
    // Pictures that differ in size from the first are not used, and the filters below must not see them: they
    // would read beyond the picture.
    "scale=iw:ih",
    // Must come before pictures are dropped: both compare each one with the next.
    ...(looksForFields(request) ? ["idet"] : []),
    ...fieldFilters(fields),
    picks.select,
    "showinfo@written=checksum=0",
    ...(request.crop ? [containerCrop(request.crop)] : []),
    picks.stamp,
  ];
  const frames = [
    ...(request.bars ? [cropFilter(request.bars)] : []),
    ...orientationFilters(request.orientation),
    ...colourFilters(request.colour, frameSize, request.toneMap),
  ];
  const grey = [`scale=${greySize.width}:${greySize.height}:flags=area`, "format=gray"];
  return (
    `[0:${request.stream}]${chain.join(",")},split[full][copy];` +
    `[full]${frames.join(",")}[frames];[copy]${grey.join(",")}[grey]`
  );
}

/** Interlaced video has at most 1080 lines. Where ffmpeg restarts its filters, the detector would lose a picture. */
function looksForFields({ fields, stamps, colour }: DecodeRequest): boolean {
  return fields === "none" && stamps === null && colour.height <= MAX_INTERLACED_LINES;
}

/** The filters that find the picks, and that give each a later time stamp than the one before. */
function pickFilters({ picks, stamps }: DecodeRequest): { select: string; stamp: string } {
  if (stamps === null) {
    const select = sumOf(picks.map((pick) => `eq(n,${pick})`));
    return { select: `select='${select}'`, stamp: `settb=${SLOW_UNIT},setpts=N` };
  }
  const found = [...new Set(picks.map((pick) => stamps.stamps[pick]))].map(
    (stamp) => `eq(ld(0),${stamp ?? "NAN"})`,
  );
  const select = `st(0,round(t/${stamps.unit}));${sumOf(found)}`;
  // Microseconds on the clock: a counter would restart too.
  return { select: `select='${select}'`, stamp: "settb=1/1000000,setpts=RTCTIME" };
}

/** The pictures that ffmpeg writes: those with the time stamp of a pick, where they are found by it. */
export function writtenPictures({ picks, stamps }: DecodeRequest): readonly number[] {
  if (stamps === null) return picks;
  const wanted = new Set(picks.map((pick) => stamps.stamps[pick]));
  return stamps.stamps.flatMap((stamp, i) => (wanted.has(stamp) ? [i] : []));
}

/** Builds a balanced tree: ffmpeg rejects expressions nested more than a hundred levels deep. */
function sumOf(terms: readonly string[]): string {
  if (terms.length <= 1) return terms[0] ?? "0";
  const half = terms.length >> 1;
  return `(${sumOf(terms.slice(0, half))}+${sumOf(terms.slice(half))})`;
}

function cropFilter({ left, top, width, height }: Rectangle): string {
  return `crop=${width}:${height}:${left}:${top}:exact=1`;
}

/** Newer versions crop automatically: then the picture already has that size. */
function containerCrop({ left, top, width, height }: Rectangle): string {
  const x = `'if(gt(iw,${width}),${left},0)'`;
  const y = `'if(gt(ih,${height}),${top},0)'`;
  return `crop='min(iw,${width})':'min(ih,${height})':${x}:${y}:exact=1`;
}
