import { open } from "node:fs/promises";
import { z } from "zod";
import { accelerationInCamm } from "./camm.ts";
import { accelerationsInGpmf } from "./gpmf.ts";
import type { Reading } from "./reading.ts";
import { findSampleTrack, type TimedSample } from "./timed-samples.ts";

/** What the camera's accelerometer says of the frames of a video. */
export const SensedGravity = z.object({
  /** Whether the axes are those of the camera; otherwise they are the sensor's, in any position. */
  axes: z.enum(["camera", "sensor"]),
  /** Of each frame: the mean reading around its time, of length 1. Null where there is none. */
  up: z.array(z.tuple([z.number(), z.number(), z.number()]).nullable()),
});
export type SensedGravity = z.infer<typeof SensedGravity>;

const READERS: ReadonlyMap<string, (sample: Buffer) => Reading[]> = new Map([
  ["gpmd", accelerationsInGpmf],
  ["camm", accelerationInCamm],
]);

/** Readings within this time of a frame count for it, so that shaking averages out. */
const AROUND_SEC = 0.25;
/** m/s². Readings beyond are no person's who films. */
const [LEAST, MOST] = [2, 40];

/**
 * Reads the metadata track that GoPro cameras and applications for Street View write.
 *
 * @param times of the frames, in seconds, ascending
 * @returns null where the file has none, or none that can be read
 */
export async function senseGravity(path: string, times: readonly number[]): Promise<SensedGravity | null> {
  await using file = await open(path);
  const track = await findSampleTrack(file, new Set(READERS.keys()));
  const read = READERS.get(track?.type ?? "");
  if (track === null || read === undefined) return null;
  const sums = times.map((): [number, number, number] => [0, 0, 0]);
  let [isKnown, isEmpty] = [true, true];
  for await (const { time, reading } of readingsIn(track.samples, read)) {
    const { acceleration } = reading;
    const size = Math.hypot(...acceleration);
    if (!(size >= LEAST && size <= MOST)) continue;
    for (let i = firstFrom(times, time - AROUND_SEC); (times[i] ?? Infinity) <= time + AROUND_SEC; i++) {
      const sum = sums[i];
      if (sum === undefined) break;
      for (const axis of [0, 1, 2] as const) sum[axis] += acceleration[axis];
      isEmpty = false;
      isKnown &&= reading.isKnown;
    }
  }
  if (isEmpty) return null;
  return {
    axes: isKnown ? "camera" : "sensor",
    up: sums.map(([x, y, z]) => {
      const size = Math.hypot(x, y, z);
      return size > 0 ? [x / size, y / size, z / size] : null;
    }),
  };
}

/** The readings of a sample are spread evenly over its duration. */
async function* readingsIn(samples: AsyncGenerator<TimedSample>, read: (sample: Buffer) => Reading[]) {
  for await (const { from, to, bytes } of samples) {
    const readings = read(bytes);
    for (const [i, reading] of readings.entries())
      yield { time: from + ((i + 0.5) / readings.length) * (to - from), reading };
  }
}

/** The index of the first time that is not before `from`. */
function firstFrom(times: readonly number[], from: number): number {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) < from) low = middle + 1;
    else high = middle;
  }
  return low;
}
