import type { ProbedVideo } from "../probe.ts";

/** A plain HD video stream, with changes. */
export function video(change: Partial<ProbedVideo> = {}): ProbedVideo {
  return {
    stream: 0,
    id: 1,
    codec: "h264",
    width: 1920,
    height: 1080,
    pixelAspect: 1,
    orientation: null,
    transfer: "sdr",
    matrix: "bt709",
    interlaced: false,
    duration: 10,
    pictures: null,
    timeUnit: 1 / 90000,
    isDefault: false,
    hidden: false,
    attached: false,
    encrypted: false,
    equirectangular: false,
    packedEyes: null,
    dolbyVisionOnly: false,
    ...change,
  };
}
