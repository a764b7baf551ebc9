import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import { z } from "zod";
import { MAX_PICTURE_PIXELS } from "./frame-plan.ts";

/** What ffprobe tells of the video in a file. Times are seconds since the file's beginning. */
export interface VideoInfo {
  /** The stream's number among all of the file's. */
  readonly stream: number;
  readonly codec: string;
  /** Pixels as shown: turned upright, with square pixels. */
  readonly width: number;
  readonly height: number;
  readonly transfer: "sdr" | "hlg" | "pq";
  /** The colour matrix as ffmpeg names it; null when the file does not say. */
  readonly matrix: string | null;
  readonly interlaced: boolean;
  /** How many frames the file's index lists; null for formats without one. */
  readonly indexedFrames: number | null;
  /** The time stamp of the file's beginning. */
  readonly fileStart: number;
}

/**
 * The demuxers that may look at a file. A playlist names other files, which ffmpeg would open whatever the
 * playlist's own name is; with this list it does not even read one (tried: HLS and ffconcat).
 */
const CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts";

/** For ffmpeg and ffprobe alike: how to open the one local file and nothing else. */
export function inputOptions(): string[] {
  return ["-protocol_whitelist", "file,pipe", "-format_whitelist", CONTAINERS];
}

/** For the decoders: what claims to be larger is not even begun with. */
export function decodeOptions(): string[] {
  return ["-max_pixels", String(MAX_PICTURE_PIXELS)];
}

export function probeArguments(file: string): string[] {
  return [
    ...["-hide_banner", "-v", "error"],
    ...inputOptions(),
    ...decodeOptions(),
    ...["-show_entries", SHOWN, "-of", "json", `file:${file}`],
  ];
}

/** No more than is read: a title or a description may be of any length, and long lines are cut. */
const SHOWN = [
  "stream=index,codec_type,codec_name,width,height,sample_aspect_ratio,color_transfer,color_space,field_order,nb_frames",
  "stream_disposition=default,attached_pic",
  "stream_tags=rotate",
  "stream_side_data=rotation",
  "format=start_time",
].join(":");

const NumberText = z.string().transform(Number).pipe(z.number());

const Probe = z.object({
  streams: z.array(
    z.object({
      index: z.int(),
      codec_type: z.string().optional(),
      codec_name: z.string().optional(),
      width: z.int().optional(),
      height: z.int().optional(),
      sample_aspect_ratio: z.string().optional(),
      color_transfer: z.string().optional(),
      color_space: z.string().optional(),
      field_order: z.string().optional(),
      nb_frames: NumberText.optional(),
      disposition: z.object({ default: z.int().optional(), attached_pic: z.int().optional() }).optional(),
      tags: z.object({ rotate: z.string().optional() }).optional(),
      side_data_list: z.array(z.object({ rotation: z.number().optional() })).optional(),
    }),
  ),
  format: z.object({ start_time: NumberText.optional() }),
});
type ProbedStream = z.infer<typeof Probe>["streams"][number];

/**
 * @param json what ffprobe printed on stdout
 * @returns `video_no_stream` for sound only, `video_corrupt` for a header that tells nothing, `video_unsupported` for a codec that this ffmpeg lacks
 */
export function parseProbe(json: string): Result<VideoInfo, Failure> {
  const parsed = Probe.safeParse(parseJson(json));
  if (!parsed.success) return err(failure("video_corrupt", "ffprobe could not describe the file."));
  const { streams, format } = parsed.data;
  const videos = streams.filter((s) => s.codec_type === "video" && s.disposition?.attached_pic !== 1);
  const video = videos.find((s) => s.disposition?.default === 1) ?? videos[0];
  if (!video) {
    const kinds = [...new Set(streams.map((s) => s.codec_type ?? "unknown"))];
    return err(
      kinds.some((kind) => kind !== "data" && kind !== "unknown")
        ? failure("video_no_stream", `It has: ${kinds.join(", ")}.`)
        : failure("video_corrupt", "Its index lists no tracks."),
    );
  }
  if (!video.codec_name || video.codec_name === "unknown") {
    return err(failure("video_unsupported", "Its video codec is not known to this ffmpeg."));
  }
  if (!video.width || !video.height) {
    return err(failure("video_corrupt", "The picture's size cannot be told."));
  }
  return ok({
    stream: video.index,
    codec: video.codec_name,
    ...shownSize(video, video.width, video.height),
    transfer: transferOf(video.color_transfer),
    matrix: known(video.color_space),
    interlaced: ["tt", "bb", "tb", "bt"].includes(video.field_order ?? ""),
    indexedFrames: video.nb_frames ?? null,
    fileStart: format.start_time ?? 0,
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** ffmpeg turns pictures upright by itself; the size in the stream's header is the one before that. */
function shownSize(video: ProbedStream, width: number, height: number): { width: number; height: number } {
  const [horizontal, vertical] = (video.sample_aspect_ratio ?? "1:1").split(":").map(Number);
  const aspect = horizontal && vertical ? horizontal / vertical : 1;
  const rotation = video.side_data_list?.find((data) => data.rotation !== undefined)?.rotation;
  const degrees = rotation ?? Number(video.tags?.rotate ?? 0);
  const square = { width: Math.round(width * aspect), height };
  return Math.abs(Math.round(degrees)) % 180 === 90 ? { width: square.height, height: square.width } : square;
}

function transferOf(name: string | undefined): VideoInfo["transfer"] {
  if (name === "smpte2084") return "pq";
  return name === "arib-std-b67" ? "hlg" : "sdr";
}

function known(name: string | undefined): string | null {
  return name === undefined || name === "unknown" || name === "reserved" ? null : name;
}

/** Lists when each picture is shown, without decoding any. */
export function timesArguments(file: string, stream: number): string[] {
  return [
    ...["-hide_banner", "-v", "error"],
    ...inputOptions(),
    ...["-select_streams", String(stream)],
    ...["-show_entries", "packet=pts_time,dts_time,duration_time,flags"],
    ...["-of", "compact=p=0:nk=0", `file:${file}`],
  ];
}

/** When the video's pictures are shown. Seconds since the file's beginning. */
export interface VideoTimes {
  readonly frames: number;
  readonly start: number;
  /** When the last picture stops being shown. */
  readonly end: number;
  /** The usual time between two pictures. */
  readonly interval: number;
}

const PTS = /(?:^|\|)pts_time=(-?[\d.]+)/;
const DTS = /(?:^|\|)dts_time=(-?[\d.]+)/;
const DURATION = /(?:^|\|)duration_time=(-?[\d.]+)/;

/** Gathers what `timesArguments` makes ffprobe print, line by line. */
export class TimesCollector {
  readonly #times: number[] = [];
  #end = Number.NEGATIVE_INFINITY;

  /** How many pictures there are so far. */
  get count(): number {
    return this.#times.length;
  }

  add(line: string): void {
    const number = (pattern: RegExp) => Number(pattern.exec(line)?.[1] ?? Number.NaN);
    const pts = number(PTS);
    const shown = Number.isNaN(pts) ? number(DTS) : pts;
    // D: to be decoded but not shown, before the point where an edit list begins.
    if (Number.isNaN(shown) || /flags=[^|]*D/.test(line)) return;
    this.#times.push(shown);
    const duration = number(DURATION);
    this.#end = Math.max(this.#end, shown + (Number.isNaN(duration) ? 0 : duration));
  }

  /** Null when there was not one picture. */
  finish(fileStart: number): VideoTimes | null {
    const times = Float64Array.from(this.#times).sort();
    const first = times[0];
    const last = times.at(-1);
    if (first === undefined || last === undefined) return null;
    const intervals = times
      .slice(1)
      .map((time, i) => time - (times[i] ?? 0))
      .filter((interval) => interval > 0)
      .sort();
    const interval = intervals[intervals.length >> 1] ?? Math.max(this.#end - last, 1 / 25);
    // Some containers do not say how long the last picture is shown.
    const end = this.#end > last ? this.#end : last + interval;
    return { frames: times.length, start: first - fileStart, end: end - fileStart, interval };
  }
}
