import type { EngineName, JobOptions, StageName } from "@splatt/shared";

/** The factors that determine a job's duration, as far as they are known yet. */
export interface JobSize {
  readonly engine: EngineName;
  readonly preset: JobOptions["preset"];
  readonly iterations: number;
  /** Bytes of the video. */
  readonly sourceBytes: number | null;
  readonly frames: number | null;
  /** The pixels of one frame at training resolution. */
  readonly pixels: number | null;
  readonly gaussians: number | null;
  /** The bytes of all result files. */
  readonly resultBytes: number | null;
}

/** The size of a job as known before its first stage. */
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

/** The amount of work, which a stage's working time is proportional to; null while unknown. */
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

/** Only a stage's runs in the same group are comparable. */
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
