import { counted, err, type Failure, failure, type JobOptions, ok, type Result } from "@splatt/shared";
import { median } from "./timeline.ts";

export type FrameOptions = Pick<JobOptions, "fps" | "start_sec" | "end_sec">;

export interface FrameLimits {
  /** Pixels; larger pictures are scaled down. */
  readonly maxLongSide: number;
  /** The maximum number of frames, spread over the range. */
  readonly maxFrames: number;
  readonly minFrames: number;
  /** The maximum number of pictures compared per frame; 1 takes those at the exact times. */
  readonly maxCandidatesPerFrame: number;
  /** A video of more pictures is rejected: a file of a few kilobytes can declare a hundred million. */
  readonly maxPictures: number;
}

/** Values that suit COLMAP and the engines. */
export const FRAME_LIMITS: FrameLimits = {
  maxLongSide: 1600,
  maxFrames: 400,
  minFrames: 8,
  maxCandidatesPerFrame: 3,
  // Nine hours at 120 a second.
  maxPictures: 4_000_000,
};

/** The pictures that frames may be taken from. Times are seconds after the file's beginning. */
export interface Footage {
  /** The presentation time of each picture, in order. */
  readonly times: Float64Array;
  /** The end of the last picture. */
  readonly end: number;
  /** The run of pictures with one geometry: from this index up to, but not including, that one. */
  readonly usable: PictureRange;
}

export interface PictureRange {
  readonly from: number;
  readonly to: number;
}

/** Which frames to take. Pictures are numbered in the order of presentation, from 0. */
export interface FramePlan {
  readonly start: number;
  readonly end: number;
  /** Frames per second of video. */
  readonly fps: number;
  /**
   * For each frame, the pictures it may be chosen from; the first is the one at the exact time. Ascending, and
   * no picture appears twice.
   */
  readonly windows: readonly (readonly number[])[];
  /** Notes for the person who sent the video, in sentences. */
  readonly notes: readonly string[];
}

/**
 * Plans round((end − start) · fps) frames between start_sec and end_sec, or the video's end if that is earlier. Each
 * picture is used at most once, so a video with fewer pictures gives fewer frames.
 *
 * @returns `time_range_empty` or `too_few_frames`
 */
export function planFrames(
  footage: Footage,
  options: FrameOptions,
  limits: FrameLimits,
): Result<FramePlan, Failure> {
  const { times, usable } = footage;
  const usableEnd = times[usable.to] ?? footage.end;
  const start = Math.max(options.start_sec, times[usable.from] ?? 0);
  const end = Math.min(options.end_sec ?? Number.POSITIVE_INFINITY, usableEnd);
  // Time stamps are rounded, to milliseconds at worst.
  if (start > end - 1e-3)
    return err(failure("time_range_empty", `The video lasts ${seconds(footage.end)} s.`));
  const promised = Math.round((end - start) * options.fps);
  if (promised < limits.minFrames) {
    return err(
      failure(
        "too_few_frames",
        `${seconds(end - start)} s at ${options.fps} fps give ${counted(promised, "frame")}.`,
      ),
    );
  }
  const count = Math.min(promised, limits.maxFrames);
  const fps = count < promised ? count / (end - start) : options.fps;
  const interval = usualInterval(footage, start, end);
  const available = Math.floor(1 / (fps * interval) + 1e-6);
  const perFrame = Math.max(1, Math.min(limits.maxCandidatesPerFrame, available));
  const windows = windowsOf(footage, { start, end, fps, count, perFrame, interval });
  if (windows.length < limits.minFrames) {
    return err(
      failure("too_few_frames", `The video has ${counted(windows.length, "picture")} in this range.`),
    );
  }
  const notes: string[] = [];
  if (count < promised) {
    notes.push(
      `${promised} frames at ${options.fps} fps exceed the limit; ${count} were taken, evenly spread.`,
    );
  }
  if (windows.length < count) {
    notes.push(
      `The video has only ${counted(windows.length, "picture")} for ${count} frames; each was taken once.`,
    );
  }
  return ok({ start, end, fps, windows, notes });
}

interface Grid {
  readonly start: number;
  readonly end: number;
  readonly fps: number;
  readonly count: number;
  readonly perFrame: number;
  /** The usual time between two pictures. */
  readonly interval: number;
}

/** Candidates are evenly spread over a frame's 1 / fps seconds; the last frame's end with the range. */
function windowsOf({ times, usable }: Footage, grid: Grid): number[][] {
  const { start, fps, perFrame } = grid;
  const inRange = Math.ceil((grid.end - start) * fps * perFrame - 1e-6);
  const candidates = Math.max((grid.count - 1) * perFrame + 1, Math.min(grid.count * perFrame, inRange));
  // Half a picture later finds the nearest one. With stamps rounded to milliseconds, as in Matroska, exact times
  // would often find the previous one.
  const lead = Math.min(0.5 / (fps * perFrame), 0.5 * grid.interval);
  const windows: number[][] = [];
  let shown = usable.from;
  let last = -1;
  for (let i = 0; i < candidates; i++) {
    const time = start + i / (fps * perFrame) + lead + 1e-6;
    while (shown + 1 < usable.to && (times[shown + 1] ?? 0) <= time) shown++;
    if (i % perFrame === 0) windows.push([]);
    if (shown > last) windows.at(-1)?.push(shown);
    last = shown;
  }
  return windows.filter((window) => window.length > 0);
}

function usualInterval({ times, usable }: Footage, start: number, end: number): number {
  const steps: number[] = [];
  for (let i = usable.from + 1; i < usable.to; i++) {
    const [before, at] = [times[i - 1] ?? 0, times[i] ?? 0];
    if (before >= end) break;
    if (at > start) steps.push(at - before);
  }
  return median(Float64Array.from(steps)) ?? end - start;
}

function seconds(value: number): string {
  return String(Number(value.toFixed(2)));
}
