import type { EngineName, JobOptions, StageName } from "@splatt/shared";

/** What decides how long a job takes, as far as it is known yet. */
export interface JobSize {
  readonly engine: EngineName;
  readonly preset: JobOptions["preset"];
  readonly iterations: number;
  /** Bytes of the video. */
  readonly sourceBytes: number | null;
  readonly frames: number | null;
  /** Of one frame, at the size at which the scene is trained. */
  readonly pixels: number | null;
  readonly gaussians: number | null;
  /** Of all files that are uploaded. */
  readonly resultBytes: number | null;
}

/** What is known of a job before any stage has run. */
export function initialSize(
  engine: EngineName,
  options: Pick<JobOptions, "preset" | "iterations" | "fps" | "start_sec" | "end_sec">,
  sourceBytes: number | null,
): JobSize {
  const { preset, iterations, fps, start_sec, end_sec } = options;
  const frames = end_sec === null ? null : Math.max(1, Math.round((end_sec - start_sec) * fps));
  return {
    engine,
    preset,
    iterations,
    sourceBytes,
    frames,
    pixels: null,
    gaussians: null,
    resultBytes: null,
  };
}

/** What a stage's working time is proportional to; null while that is not known. */
export function workUnits(stage: StageName, size: JobSize): number | null {
  switch (stage) {
    case "download":
    case "frames":
      return size.sourceBytes;
    case "poses":
      return size.frames;
    case "train":
      return size.pixels === null ? null : size.iterations * size.pixels;
    case "export":
      return size.gaussians;
    case "upload":
      return size.resultBytes;
  }
}

/** Only runs of a stage in the same group compare with each other. */
export function workGroup(stage: StageName, size: Pick<JobSize, "engine" | "preset">): string {
  switch (stage) {
    case "poses":
      return size.preset;
    case "train":
      return `${size.engine}/${size.preset}`;
    case "export":
      return size.engine;
    default:
      return "";
  }
}
