import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import { z } from "zod";
import type { ByteRange } from "./codec-change.ts";
import { type Orientation, parseDisplayMatrix } from "./orientation.ts";

/** ffprobe's description of a file. Times are in seconds. */
export interface ProbedFile {
  readonly container: string;
  /** The earliest time stamp in the file: players call it 0. */
  readonly startTime: number;
  readonly videos: readonly ProbedVideo[];
  readonly livePhoto: boolean;
}

/** A video stream, as its header describes it. */
export interface ProbedVideo {
  /** The stream's number among all of the file's streams. */
  readonly stream: number;
  /** The container's own number for it, such as an MP4's track ID; null where there is none. */
  readonly id: number | null;
  readonly codec: string | null;
  /** Pixels as stored: before turning upright. */
  readonly width: number;
  readonly height: number;
  /** Width by height of one pixel. */
  readonly pixelAspect: number;
  /** Null when ffprobe does not print it. */
  readonly orientation: Orientation | null;
  readonly transfer: "sdr" | "hlg" | "pq";
  /** The colour matrix by ffmpeg's name; null when the file does not declare it. */
  readonly matrix: string | null;
  readonly interlaced: boolean;
  /** The duration in the header, in seconds; null when it does not declare one. */
  readonly duration: number | null;
  /** The number of pictures in the header; null when it does not declare one. */
  readonly pictures: number | null;
  /** Seconds per unit of its time stamps. */
  readonly timeUnit: number;
  readonly isDefault: boolean;
  /** Players do not show it: a disabled track of a QuickTime file or MP4. */
  readonly hidden: boolean;
  /** A cover picture or a thumbnail, not a film. */
  readonly attached: boolean;
  readonly encrypted: boolean;
  readonly equirectangular: boolean;
  /** How each picture holds the views of both eyes; null when it holds one view. */
  readonly packedEyes: PackedEyes | null;
  /** Dolby Vision whose pictures look right only with a Dolby Vision decoder. */
  readonly dolbyVisionOnly: boolean;
}

/** By the names that ffmpeg gives them. */
export const PACKED_EYES = ["side by side", "top and bottom"] as const;
export type PackedEyes = (typeof PACKED_EYES)[number];

/** Pixels of a picture: two eyes of 8K. Larger claims are an attempt to exhaust memory. */
export const MAX_PICTURE_PIXELS = 70_000_000;

/**
 * The demuxers that may read the file. ffmpeg would open the files that a playlist names, whatever the playlist's own
 * name; with this list it does not read playlists at all (tested: HLS and ffconcat).
 */
const CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,flv,asf,ogg,mpeg,mxf";

/** The name by which ffmpeg and ffprobe read a file, or a part of it. */
export function inputUrl(path: string, part: ByteRange | null): string {
  return part === null ? `file:${path}` : `subfile,,start,${part.from},end,${part.to},,:file:${path}`;
}

/** For ffmpeg and ffprobe: opens one local file and nothing else, and refuses oversized pictures. */
export function inputOptions(): string[] {
  return [
    ...["-protocol_whitelist", "file,pipe,subfile", "-format_whitelist", CONTAINERS],
    ...["-max_pixels", String(MAX_PICTURE_PIXELS)],
  ];
}

/**
 * Requests only the fields that are read: a title or description may have any length, and long lines are truncated.
 *
 * @param deep whether to read on for the first picture: five seconds or megabytes of sound may come before it
 * @param sideData whether to request the streams' side data, which ffprobe before 4.4 cannot select
 */
export function probeArguments(url: string, sideData: boolean, deep = false): string[] {
  const entries = [
    "stream=index,id,codec_type,codec_name,codec_tag_string,width,height,sample_aspect_ratio,color_transfer," +
      "color_space,field_order,duration,nb_frames,time_base",
    "stream_disposition=default,attached_pic,timed_thumbnails,still_image",
    "stream_tags=enc_key_id",
    ...(sideData
      ? ["stream_side_data=displaymatrix,projection,type,dv_profile,dv_bl_signal_compatibility_id"]
      : []),
    "format=format_name,start_time",
    `format_tags=${LIVE_PHOTO_TAG}`,
  ];
  return [
    ...["-hide_banner", "-v", "error"],
    ...inputOptions(),
    ...(deep ? DEEP : []),
    ...["-show_entries", entries.join(":"), "-of", "json", url],
  ];
}

/** Microseconds and bytes. */
const DEEP = ["-analyzeduration", "120000000", "-probesize", "200000000"];

const LIVE_PHOTO_TAG = "com.apple.quicktime.live-photo.auto";
/** Sample entries of protected video: Common Encryption and FairPlay. */
const ENCRYPTED_TAGS = ["encv", "drmi"];

const NumberText = z.string().transform(Number).pipe(z.number());
const Flag = z.int().optional();

const Probe = z.object({
  streams: z.array(
    z.object({
      index: z.int(),
      id: z.string().optional(),
      codec_type: z.string().optional(),
      codec_name: z.string().optional(),
      codec_tag_string: z.string().optional(),
      width: z.int().optional(),
      height: z.int().optional(),
      sample_aspect_ratio: z.string().optional(),
      color_transfer: z.string().optional(),
      color_space: z.string().optional(),
      field_order: z.string().optional(),
      duration: NumberText.optional(),
      nb_frames: NumberText.optional(),
      time_base: z.string().optional(),
      disposition: z
        .object({ default: Flag, attached_pic: Flag, timed_thumbnails: Flag, still_image: Flag })
        .optional(),
      tags: z.object({ enc_key_id: z.string().optional() }).optional(),
      side_data_list: z
        .array(
          z.object({
            displaymatrix: z.string().optional(),
            projection: z.string().optional(),
            type: z.string().optional(),
            dv_profile: z.number().optional(),
            dv_bl_signal_compatibility_id: z.number().optional(),
          }),
        )
        .optional(),
    }),
  ),
  format: z.object({
    format_name: z.string().optional(),
    start_time: NumberText.optional(),
    tags: z.record(z.string(), z.string()).optional(),
  }),
});
type ProbedStream = z.infer<typeof Probe>["streams"][number];

/**
 * @param json what ffprobe printed on stdout
 * @returns `video_no_stream` for a file with sound only, `video_corrupt` for a header without any track
 */
export function parseProbe(json: string): Result<ProbedFile, Failure> {
  const parsed = Probe.safeParse(parseJson(json));
  if (!parsed.success) return err(failure("video_corrupt", "ffprobe could not describe the file."));
  const { streams, format } = parsed.data;
  // There, ffmpeg's "default" is the flag that enables a track; elsewhere it is a preference.
  const flagsShown = format.format_name?.includes("mp4") ?? false;
  const videos = streams
    .filter(({ codec_type }) => codec_type === "video")
    .map((stream) => ({ ...describe(stream), hidden: flagsShown && stream.disposition?.default === 0 }));
  if (!videos.some(({ attached }) => !attached)) {
    const kinds = [...new Set(streams.map(kindOf))];
    return err(
      kinds.some((kind) => kind !== "data" && kind !== "unknown")
        ? failure("video_no_stream", `It has: ${kinds.join(", ")}.`)
        : failure("video_corrupt", "Its index lists no tracks."),
    );
  }
  return ok({
    container: format.format_name ?? "",
    startTime: format.start_time ?? 0,
    videos,
    livePhoto: format.tags?.[LIVE_PHOTO_TAG] !== undefined,
  });
}

function describe(stream: ProbedStream): Omit<ProbedVideo, "hidden"> {
  const { disposition, side_data_list: sideData = [], codec_name: codec } = stream;
  const dolbyVision = sideData.find(({ dv_profile }) => dv_profile !== undefined);
  return {
    stream: stream.index,
    id: stream.id === undefined ? null : Number(stream.id),
    codec: codec === undefined || codec === "unknown" ? null : codec,
    width: stream.width ?? 0,
    height: stream.height ?? 0,
    pixelAspect: ratio(stream.sample_aspect_ratio, ":") ?? 1,
    orientation: orientationOf(stream),
    transfer: transferOf(stream.color_transfer),
    matrix: known(stream.color_space),
    interlaced: ["tt", "bb", "tb", "bt"].includes(stream.field_order ?? ""),
    duration: stream.duration ?? null,
    pictures: stream.nb_frames ?? null,
    timeUnit: ratio(stream.time_base, "/") ?? 1,
    isDefault: disposition?.default === 1,
    attached:
      disposition?.attached_pic === 1 ||
      disposition?.timed_thumbnails === 1 ||
      disposition?.still_image === 1,
    encrypted:
      ENCRYPTED_TAGS.includes(stream.codec_tag_string ?? "") || stream.tags?.enc_key_id !== undefined,
    equirectangular: sideData.some(
      ({ projection }) => projection !== undefined && projection !== "rectangular",
    ),
    packedEyes: PACKED_EYES.find((kind) => sideData.some(({ type }) => type?.startsWith(kind))) ?? null,
    dolbyVisionOnly:
      dolbyVision !== undefined &&
      (dolbyVision.dv_profile === 5 || dolbyVision.dv_bl_signal_compatibility_id === 0),
  };
}

function kindOf(stream: ProbedStream): string {
  const { codec_type: type = "unknown" } = stream;
  return type === "video" ? "a cover picture" : type;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** @returns null when it is not the ratio of two positive numbers */
export function ratio(text: string | undefined, separator: string): number | null {
  const [numerator, denominator] = (text ?? "").split(separator).map(Number);
  return numerator && denominator && numerator / denominator > 0 ? numerator / denominator : null;
}

function orientationOf({ side_data_list: sideData = [] }: ProbedStream): Orientation | null {
  const matrix = sideData.find(({ displaymatrix }) => displaymatrix !== undefined)?.displaymatrix;
  return matrix === undefined ? null : parseDisplayMatrix(matrix);
}

function transferOf(name: string | undefined): ProbedVideo["transfer"] {
  if (name === "smpte2084") return "pq";
  return name === "arib-std-b67" ? "hlg" : "sdr";
}

function known(name: string | undefined): string | null {
  return name === undefined || name === "unknown" ? null : name;
}
