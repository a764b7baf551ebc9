import type { Rectangle } from "./bars.ts";
import { colourFilters, type VideoColour } from "./colour.ts";
import { type Orientation, orientationFilters } from "./orientation.ts";
import { inputOptions } from "./probe.ts";

const CANDIDATE_PATTERN = "candidate_%05d.jpg";
/** ffmpeg's scale from 1 to 31, where 2 is next to lossless. */
const JPEG_QUALITY = 2;
/** Above this only two threads decode: each holds pictures of its own, of up to half a gigabyte. */
const LARGE_PICTURE_PIXELS = 20_000_000;

interface Size {
  readonly width: number;
  readonly height: number;
}

/** One pass over the video: what to decode and which pictures to write, in which form. */
export interface DecodeRequest {
  readonly file: string;
  readonly stream: number;
  /** The pictures to write, ascending, numbered in the order of presentation. */
  readonly picks: readonly number[];
  /** Decodes only the first so many pictures; null decodes all. */
  readonly stopAfter: number | null;
  readonly deinterlace: boolean;
  /** The part of the decoded picture that the container declares visible. */
  readonly crop: Rectangle | null;
  /** The part of that without black bars. */
  readonly bars: Rectangle | null;
  readonly orientation: Orientation;
  readonly colour: VideoColour;
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
 * The arguments for ffmpeg, which must run in the folder that the candidates go to. It reports on stderr every
 * picture that it decodes and every one that it writes (see `DecodeLog`), and writes each of the latter once more
 * on stdout, small and grey, one byte per pixel.
 */
export function decodeArguments(request: DecodeRequest): string[] {
  const { colour } = request;
  const only = ["-an", "-sn", "-dn", "-r", SLOW_RATE];
  return [
    // Each line of the log with its level, and none folded into "Last message repeated".
    ...["-hide_banner", "-nostdin", "-nostats", "-v", "repeat+level+info"],
    ...inputOptions(),
    ...(colour.width * colour.height > LARGE_PICTURE_PIXELS ? ["-threads", "2"] : []),
    // The pictures as stored, with the time stamps as stored: newer versions would turn and move them by rules
    // that older ones do not have.
    ...["-copyts", "-noautorotate", "-reinit_filter", "0", "-i", `file:${request.file}`],
    ...["-filter_complex", filterGraph(request)],
    ...["-map", "[frames]", ...only, "-c:v", "mjpeg", "-q:v", String(JPEG_QUALITY), "-f", "image2", "-y"],
    ...[CANDIDATE_PATTERN, "-map", "[grey]", ...only, "-c:v", "rawvideo", "-f", "rawvideo", "pipe:1"],
  ];
}

/**
 * ffmpeg repeats and drops pictures to keep its output's rate, by rules that differ between versions, and the
 * option against it has changed its name. With a million seconds for each picture no version finds a reason to.
 */
const SLOW_UNIT = "1000000";
const SLOW_RATE = `1/${SLOW_UNIT}`;

function filterGraph(request: DecodeRequest): string {
  const { stopAfter, deinterlace, frameSize, greySize } = request;
  const chain = [
    ...(stopAfter === null ? [] : [`trim=end_frame=${stopAfter}`]),
    "showinfo@decoded=checksum=0",
    // Pictures of another size than the first one's are not taken, but the filters below must not see them:
    // they would read beyond the picture.
    "scale=iw:ih",
    // Before pictures are dropped: it needs whole sequences of fields.
    ...(deinterlace ? ["yadif=mode=send_frame:deint=interlaced"] : []),
    `select=${selection(request.picks)}`,
    "showinfo@written=checksum=0",
    ...(request.crop ? [containerCrop(request.crop)] : []),
    `settb=${SLOW_UNIT},setpts=N`,
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

function selection(picks: readonly number[]): string {
  return picks.length === 0 ? "0" : `'${anyOf(picks)}'`;
}

/** As a balanced tree: ffmpeg refuses expressions that nest more than a hundred levels deep. */
function anyOf(picks: readonly number[]): string {
  if (picks.length === 1) return `eq(n,${picks[0]})`;
  const half = picks.length >> 1;
  return `(${anyOf(picks.slice(0, half))}+${anyOf(picks.slice(half))})`;
}

function cropFilter({ left, top, width, height }: Rectangle): string {
  return `crop=${width}:${height}:${left}:${top}:exact=1`;
}

/** Newer versions crop by themselves: then the picture has that size already. */
function containerCrop({ left, top, width, height }: Rectangle): string {
  const x = `'if(gt(iw,${width}),${left},0)'`;
  const y = `'if(gt(ih,${height}),${top},0)'`;
  return `crop='min(iw,${width})':'min(ih,${height})':${x}:${y}:exact=1`;
}
