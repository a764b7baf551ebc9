import { err, type Failure, failure, type JobOptions, ok, type Result } from "@splatt/shared";
import type { VideoInfo, VideoTimes } from "./probe.ts";

export type FrameOptions = Pick<JobOptions, "fps" | "start_sec" | "end_sec">;

export interface FrameLimits {
  /** Pixels; larger pictures are scaled down. */
  readonly maxLongSide: number;
  /** More frames than this are not taken; they are spread over the range instead. */
  readonly maxFrames: number;
  readonly minFrames: number;
  /** At most so many pictures of the video are looked at for each frame; 1 takes those at the exact times. */
  readonly maxCandidatesPerFrame: number;
  /** A video of more pictures is turned down: a file of a few kilobytes can promise a hundred million. */
  readonly maxPictures: number;
}

/** What COLMAP and the engines make good use of. */
export const FRAME_LIMITS: FrameLimits = {
  maxLongSide: 1600,
  maxFrames: 400,
  minFrames: 8,
  maxCandidatesPerFrame: 3,
  // Nine hours at 120 a second.
  maxPictures: 4_000_000,
};

/** Which frames to take. Times are seconds since the file's beginning. */
export interface FramePlan {
  readonly start: number;
  readonly end: number;
  /** Frames per second of video. */
  readonly fps: number;
  readonly count: number;
  /** Out of so many pictures, evenly spread over its 1 / fps seconds, each frame is chosen. */
  readonly perFrame: number;
  /** How many pictures that is in all; the last frame may have fewer, to end with the range. */
  readonly candidates: number;
  /** Of the frames as written. */
  readonly width: number;
  readonly height: number;
  /**
   * Candidate i is the picture that is shown at start + i / (fps · perFrame) + lead: half a picture's time
   * later than exact, so that time stamps that were rounded (Matroska's to milliseconds) do not make it the one before.
   */
  readonly lead: number;
  /** What the person should know, such as a rate that was lowered; empty sentences there are none. */
  readonly notes: readonly string[];
}

/** Pixels of the shorter side: nothing can be found in less. */
const MIN_SIDE = 32;
/** Pixels of a picture: two eyes of 8K. What claims more is out to fill the memory. */
export const MAX_PICTURE_PIXELS = 70_000_000;

/** Of the frames that a file's index promises, so many must be there. */
const MIN_INTACT_SHARE = 0.5;

/**
 * round((end − start) · fps) frames between start_sec and end_sec, or the video's end where that comes first.
 *
 * @returns `time_range_empty`, `too_few_frames`, `video_size_unsupported`, or `video_corrupt` when most of the
 *   file is missing
 */
export function planFrames(
  info: VideoInfo,
  times: VideoTimes,
  options: FrameOptions,
  limits: FrameLimits,
): Result<FramePlan, Failure> {
  if (info.indexedFrames !== null && times.frames < MIN_INTACT_SHARE * info.indexedFrames) {
    const missing = `Only ${times.frames} of its ${info.indexedFrames} pictures are in the file.`;
    return err(failure("video_corrupt", missing));
  }
  if (Math.min(info.width, info.height) < MIN_SIDE || info.width * info.height > MAX_PICTURE_PIXELS) {
    return err(failure("video_size_unsupported", `They are ${info.width}×${info.height}.`));
  }
  const size = frameSize(info, limits.maxLongSide);
  if (Math.min(size.width, size.height) < MIN_SIDE) {
    const shape = `They are ${info.width}×${info.height}, which scaled down is ${size.width}×${size.height}.`;
    return err(failure("video_size_unsupported", shape));
  }
  const start = options.start_sec;
  const end = Math.min(options.end_sec ?? Number.POSITIVE_INFINITY, times.end);
  if (start >= end) {
    return err(failure("time_range_empty", `The video lasts ${seconds(times.end)} s.`));
  }
  const promised = Math.round((end - start) * options.fps);
  if (promised < limits.minFrames) {
    return err(
      failure("too_few_frames", `${seconds(end - start)} s at ${options.fps} fps give ${promised} frames.`),
    );
  }
  if (times.frames < limits.minFrames) {
    return err(failure("too_few_frames", `The video has ${times.frames} pictures.`));
  }
  const count = Math.min(promised, limits.maxFrames);
  const fps = count < promised ? count / (end - start) : options.fps;
  const notes: string[] = [];
  if (count < promised) {
    notes.push(`${promised} frames at ${options.fps} fps are too many; ${count} were taken, evenly spread.`);
  }
  if (fps > 1.5 / times.interval) {
    notes.push(`The video has ${Math.round(1 / times.interval)} pictures a second, so that frames repeat.`);
  }
  const available = Math.floor(1 / (fps * times.interval) + 1e-6);
  const perFrame = Math.max(1, Math.min(limits.maxCandidatesPerFrame, available));
  const inRange = Math.ceil((end - start) * fps * perFrame - 1e-6);
  const candidates = Math.max((count - 1) * perFrame + 1, Math.min(count * perFrame, inRange));
  const lead = Math.min(0.5 / (fps * perFrame), 0.5 * times.interval);
  return ok({ start, end, fps, count, perFrame, candidates, lead, notes, ...size });
}

/** The largest even size within the limit, never larger than the picture itself. */
export function frameSize(
  picture: { readonly width: number; readonly height: number },
  maxLongSide: number,
): { width: number; height: number } {
  const factor = Math.min(1, maxLongSide / Math.max(picture.width, picture.height));
  const even = (side: number) => Math.max(2, 2 * Math.floor((side * factor) / 2 + 1e-6));
  return { width: even(picture.width), height: even(picture.height) };
}

function seconds(value: number): string {
  return String(Number(value.toFixed(2)));
}
