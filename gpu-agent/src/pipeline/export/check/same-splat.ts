import type { Rotation, SplatCloud } from "@splatt/formats";

/** Where the gaussians of a splat are, how opaque they are, and their colours: a sample of a few thousand. */
export interface SplatSample {
  /** x, y and z. */
  readonly positions: readonly Float32Array[];
  /** 0 to 1. */
  readonly opacities: Float32Array;
  /** Red, green and blue, 0 to 1; outside of it where the format allows. */
  readonly colours: readonly Float32Array[];
}

export const MAX_SAMPLES = 10_000;
/** The constant function of the spherical harmonics. */
const SH_0 = 0.28209479177387814;

const IDENTITY: Rotation = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
];

/** The gaussians to take of a splat: evenly spread. */
export function sampled(count: number): number[] {
  const step = Math.max(1, count / MAX_SAMPLES);
  return Array.from({ length: Math.min(count, MAX_SAMPLES) }, (_, i) => Math.floor(i * step));
}

/** A number of each of the gaussians, as a column. */
export function column(indices: readonly number[], value: (gaussian: number) => number): Float32Array {
  return Float32Array.from(indices, value);
}

export function colourOf(constant: number): number {
  return 0.5 + SH_0 * constant;
}

/** @param rotation into the frame of the sample; the cloud's own frame without one */
export function sampleOf(
  { count, positions, opacities, dc }: SplatCloud,
  rotation: Rotation = IDENTITY,
): SplatSample {
  const indices = sampled(count);
  const axis = ([a = 0, b = 0, c = 0]: readonly number[]) =>
    column(indices, (i) => {
      const [x = 0, y = 0, z = 0] = positions.subarray(3 * i, 3 * i + 3);
      return a * x + b * y + c * z;
    });
  return {
    positions: [0, 1, 2].map((row) => axis(rotation[row] ?? [])),
    opacities: column(indices, (i) => 1 / (1 + Math.exp(-(opacities[i] ?? 0)))),
    colours: [0, 1, 2].map((channel) => column(indices, (i) => colourOf(dc[3 * i + channel] ?? 0))),
  };
}

/** Samples of parts of a splat as one. */
export function joinedSamples(samples: readonly SplatSample[]): SplatSample {
  const joined = (columns: readonly Float32Array[]) =>
    Float32Array.from(columns.flatMap((values) => Array.from(values)));
  const ofEach = (columnsOf: (sample: SplatSample) => readonly Float32Array[]) =>
    [0, 1, 2].map((i) => joined(samples.map((sample) => columnsOf(sample)[i] ?? new Float32Array())));
  return {
    positions: ofEach(({ positions }) => positions),
    opacities: joined(samples.map(({ opacities }) => opacities)),
    colours: ofEach(({ colours }) => colours),
  };
}

/** Tolerances: a share of the middle half of the values, and what bytes round away. */
const SHARE = 0.1;
const ROUNDING = 0.02;

/**
 * What a converted splat has lost of the original one. Writers may change the order of the gaussians, so the quartiles
 * are compared.
 *
 * @returns null when the two are the same, as far as bytes can tell
 */
export function splatDifference(original: SplatSample, converted: SplatSample): string | null {
  const pairs = (a: readonly Float32Array[], b: readonly Float32Array[]) =>
    a.map((values, i) => [values, b[i] ?? new Float32Array()] as const);
  // A flat splat, such as a wall, has no extent along one axis; a single gaussian has none at all.
  const extent = Math.max(...original.positions.map(middleHalf));
  const allowed = extent > 0 ? SHARE * extent : ROUNDING;
  if (pairs(original.positions, converted.positions).some(([a, b]) => differ(a, b, allowed)))
    return "positions";
  const byBytes = (values: Float32Array) => SHARE * middleHalf(values) + ROUNDING;
  if (differ(original.opacities, converted.opacities, byBytes(original.opacities))) return "opacities";
  return pairs(original.colours, converted.colours).some(([a, b]) => differ(a, b, byBytes(a)))
    ? "colours"
    : null;
}

function differ(original: Float32Array, converted: Float32Array, tolerance: number): boolean {
  const [a, b] = [quartiles(original), quartiles(converted)];
  // Not `>`: NaN must differ.
  return a.some((value, i) => !(Math.abs(value - (b[i] ?? Number.NaN)) <= tolerance));
}

/** The extent of the middle half of the values. */
function middleHalf(values: Float32Array): number {
  const [first = 0, , third = 0] = quartiles(values);
  return third - first;
}

function quartiles(values: Float32Array): number[] {
  const sorted = values.toSorted();
  return [1, 2, 3].map((quarter) => sorted[Math.floor((quarter * (sorted.length - 1)) / 4)] ?? Number.NaN);
}
