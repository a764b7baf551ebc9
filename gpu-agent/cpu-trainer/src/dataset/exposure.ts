import type { PointCloud } from "@splatt/formats";
import type { TrainReport } from "@splatt/shared";
import sharp from "sharp";
import { cameraExtent } from "../scene/scene-plan.ts";
import type { PinholeCamera } from "./camera.ts";
import type { DatasetFrame } from "./dataset-frame.ts";
import { distort } from "./undistortion.ts";

/*
 * How bright and of which tint each frame is, from the colours that the sparse points have in it. A camera with
 * automatic exposure or white balance shows one point in other colours from frame to frame:
 *   ln colour(frame, point) = ln gain(frame) + ln colour(point).
 * The medians of both sides in turn solve that. They ignore points that are hidden or shine, up to about a third of
 * them.
 */

/** Red, green, blue. */
export type Rgb = readonly [number, number, number];

export interface Exposure {
  /** For each frame, by which factor its colours are brighter than the capture's; their geometric mean is 1. */
  readonly gains: readonly Rgb[];
  /**
   * How much the gains of frames from nearly the same place differ: the robust standard deviation, relative: 0.1 is ±10
   * %.
   */
  readonly spread: number;
  /**
   * Whether to compensate. A slow drift along the camera's path is left to the spherical harmonics: then a view between
   * two frames comes out as bright as they are.
   */
  readonly varies: boolean;
}

/**
 * The longer side of the pictures that colours are taken from, in pixels: an average hides noise and small errors of
 * poses.
 */
const SIDE = 256;
/** Colours nearer to the ends of the scale are cut off or noise. */
const DARKEST = 12;
const BRIGHTEST = 245;
const MAX_POINTS = 2000;
/** Of all frames together, so that many frames take no longer. */
const MAX_OBSERVATIONS = 200_000;
/**
 * A point is taken for hidden where another in the same cell of the picture is this many times nearer; sides in pixels.
 */
const CELL = 16;
const HIDDEN_BEHIND = 1.3;
const ROUNDS = 12;
/** A frame that shows fewer points keeps a gain of 1. */
const LEAST_POINTS = 30;
/** Below it, the gains' own errors would add more than they remove. */
const LEAST_SPREAD = 0.04;
/** The spread must also be this many times the gains' standard error. */
const LEAST_SIGNIFICANCE = 3;
const NEIGHBOURS = 4;

/** Adds what the exposure means for a result to its report. */
export function withExposure(report: TrainReport, { spread, varies }: Exposure): TrainReport {
  return varies ? { ...report, exposure_spread: Math.round(1000 * spread) / 1000 } : report;
}

/** Measures the exposure of frames. One that cannot be read keeps a gain of 1. */
export async function measureExposure(
  frames: readonly DatasetFrame[],
  points: PointCloud,
): Promise<Exposure> {
  const most = Math.min(MAX_POINTS, Math.ceil(MAX_OBSERVATIONS / Math.max(1, frames.length)));
  const chosen = evenly(points.count, most);
  const colors = await Promise.all(
    frames.map((frame) => colorsIn(frame, points, chosen).catch(() => new Float32Array(3 * chosen.length))),
  );
  return exposureOf(colors, chosen.length, nearestCameras(frames.map(({ camera }) => camera)));
}

/**
 * @param neighbours of each frame: those that see about the same
 * @param colors for each frame, red, green and blue of each point; 0 where the frame does not show the point
 * @param points how many
 */
export function exposureOf(
  colors: readonly Float32Array[],
  points: number,
  neighbours: readonly (readonly number[])[],
): Exposure {
  const channels = [0, 1, 2].map((channel) => {
    const logs = colors.map((frame) =>
      Float32Array.from({ length: points }, (_, i) => Math.log(frame[3 * i + channel] as number)),
    );
    return solve(logs, points);
  });
  const gains = colors.map(
    (_, frame) => channels.map(({ gains }) => Math.exp(gains[frame] ?? 0)) as unknown as Rgb,
  );
  const spreads = channels.map(({ gains }) => jumps(gains, neighbours));
  const varies = channels.some(({ error }, i) => {
    const spread = spreads[i] as number;
    return spread >= LEAST_SPREAD && spread >= LEAST_SIGNIFICANCE * error;
  });
  return { gains, spread: Math.max(...spreads), varies };
}

/** The robust standard deviation of values from the mean of their neighbours'. */
function jumps(values: readonly number[], neighbours: readonly (readonly number[])[]): number {
  const own = values.map((value, i) => {
    const others = neighbours[i] ?? [];
    if (others.length === 0) return 0;
    const mean = others.reduce((sum, other) => sum + (values[other] as number), 0) / others.length;
    // The mean of n independent values adds 1/n to the variance.
    return (value - mean) / Math.sqrt(1 + 1 / others.length);
  });
  return deviation(own);
}

/** For each camera, those that see about the same: near it, and turned like it. */
function nearestCameras(cameras: readonly PinholeCamera[]): number[][] {
  const extent = cameraExtent(cameras);
  const forward = ({ rotation }: PinholeCamera) => rotation.slice(6, 9);
  return cameras.map((camera, i) => {
    const apart = cameras.map((other) => {
      const offset = camera.position.map(
        (value, axis) => (value - (other.position[axis] as number)) / extent,
      );
      const turned = forward(camera).map((value, axis) => value - (forward(other)[axis] as number));
      return Math.hypot(...offset, ...turned);
    });
    const order = Array.from(apart.keys()).filter((other) => other !== i);
    return order.sort((a, b) => (apart[a] as number) - (apart[b] as number)).slice(0, NEIGHBOURS);
  });
}

/** ln colours that belong to one frame or one point, and the points or frames that they are of. */
interface Observations {
  readonly of: readonly number[];
  readonly logs: readonly number[];
}

/**
 * @param logs ln colour by frame and point, −∞ where there is none.
 * @returns ln gains, and their usual standard error
 */
function solve(logs: readonly Float32Array[], points: number): { gains: number[]; error: number } {
  const observed = (of: number[], at: (index: number) => number): Observations => {
    const seen = of.filter((index) => Number.isFinite(at(index)));
    return { of: seen, logs: seen.map(at) };
  };
  const frames = Array.from(logs.keys());
  const byFrame = logs.map((frame) => observed(Array.from(frame.keys()), (point) => frame[point] as number));
  const byPoint = Array.from({ length: points }, (_, point) =>
    observed(frames, (frame) => (logs[frame] as Float32Array)[point] as number),
  );
  const gains = logs.map(() => 0);
  const errors: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const colors = byPoint.map((point) => median(differences(point, gains)));
    errors.length = 0;
    for (const [i, frame] of byFrame.entries()) {
      if (frame.of.length < LEAST_POINTS) continue;
      const found = differences(frame, colors);
      gains[i] = median(found);
      // The median's standard error is 1.25 times that of the mean.
      errors.push((1.25 * deviation(found)) / Math.sqrt(found.length));
    }
    const mean = gains.reduce((sum, gain) => sum + gain, 0) / gains.length;
    for (const i of gains.keys()) gains[i] = (gains[i] as number) - mean;
  }
  return { gains, error: errors.length === 0 ? Number.POSITIVE_INFINITY : median(errors) };
}

function differences({ of, logs }: Observations, from: readonly number[]): number[] {
  return logs.map((log, i) => log - (from[of[i] as number] as number));
}

/** The colours of points in a frame's photo. */
async function colorsIn(
  { path, camera, lens }: DatasetFrame,
  { positions }: PointCloud,
  chosen: readonly number[],
): Promise<Float32Array> {
  const scale = Math.min(1, SIDE / Math.max(camera.width, camera.height));
  const [width, height] = [Math.ceil(camera.width * scale), Math.ceil(camera.height * scale)];
  const pixels = await sharp(path)
    .toColourspace("srgb")
    .removeAlpha()
    .resize(width, height, { fit: "fill" })
    .raw()
    .toBuffer();
  const places = placesIn(camera, lens, positions, width, height);
  const colors = new Float32Array(3 * chosen.length);
  for (const [i, point] of chosen.entries()) {
    const pixel = places[point] as number;
    if (pixel < 0) continue;
    const color = pixels.subarray(3 * pixel, 3 * pixel + 3);
    if (color.every((value) => value >= DARKEST && value <= BRIGHTEST)) colors.set(color, 3 * i);
  }
  return colors;
}

/** For each point, the pixel of a picture of `width` × `height` that shows it; −1 where none does. */
function placesIn(
  { rotation: r, translation: t, ...camera }: DatasetFrame["camera"],
  lens: DatasetFrame["lens"],
  positions: Float32Array,
  width: number,
  height: number,
): Int32Array {
  const count = positions.length / 3;
  const pixels = new Int32Array(count).fill(-1);
  const depths = new Float32Array(count);
  const cellColumns = Math.ceil(width / CELL);
  const nearest = new Float32Array(cellColumns * Math.ceil(height / CELL)).fill(Number.POSITIVE_INFINITY);
  const cellOf = (pixel: number) =>
    Math.floor(pixel / width / CELL) * cellColumns + Math.floor((pixel % width) / CELL);
  for (let point = 0; point < count; point++) {
    const [x = 0, y = 0, z = 0] = positions.subarray(3 * point, 3 * point + 3);
    const along = (row: number) =>
      (r[3 * row] as number) * x +
      (r[3 * row + 1] as number) * y +
      (r[3 * row + 2] as number) * z +
      (t[row] as number);
    const depth = along(2);
    if (depth <= 0) continue;
    const at = distort(along(0) / depth, along(1) / depth, lens);
    if (at === null) continue;
    const column = Math.floor((at[0] * camera.focalX + camera.centerX) * (width / camera.width));
    const row = Math.floor((at[1] * camera.focalY + camera.centerY) * (height / camera.height));
    if (column < 0 || row < 0 || column >= width || row >= height) continue;
    const pixel = row * width + column;
    pixels[point] = pixel;
    depths[point] = depth;
    const cell = cellOf(pixel);
    nearest[cell] = Math.min(nearest[cell] as number, depth);
  }
  return pixels.map((pixel, point) => {
    const isHidden =
      pixel >= 0 && (depths[point] as number) > HIDDEN_BEHIND * (nearest[cellOf(pixel)] as number);
    return isHidden ? -1 : pixel;
  });
}

function evenly(count: number, most: number): number[] {
  const taken = Math.min(count, most);
  return Array.from({ length: taken }, (_, i) => Math.floor((i * count) / taken));
}

/** NaN of nothing. */
function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/** A standard deviation that outliers do not change, from the median of absolute deviations. */
function deviation(values: readonly number[]): number {
  const middle = median(values);
  return 1.4826 * median(values.map((value) => Math.abs(value - middle)));
}
