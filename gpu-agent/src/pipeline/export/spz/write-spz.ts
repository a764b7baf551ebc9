import { writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { restCoefficients, type SplatCloud } from "@splatt/formats/splats";
import { COLOUR_SCALE, HEADER_BYTES, SPZ_MAGIC } from "./spz-format.ts";

/*
 * Writes version 3: version 4 is ZSTD, which Spark, Babylon and older tools do not read. The format's own library gives
 * every scene the same grid of 1/4096: a gaussian beyond 2048 wraps around to the other side, and a small scene falls
 * apart.
 */

const VERSION = 3;

/** Of a position's fraction, unless the scene is too small or too large for it. */
const USUAL_BITS = 12;
const MAX_BITS = 24;
/** Steps of the grid in the nearer half of the scene, at least, as a power of two. */
const LEAST_STEPS = 9;
/** The largest position in units of the grid: it has 24 bits. */
const MAX_POSITION = 2 ** 23 - 1;
/** Share of the gaussians that the grid is made for. */
const MOST = 0.999;

/** A size's byte is its logarithm, from −10, in sixteenths. */
const [LEAST_LOG_SCALE, LOG_SCALE_STEPS] = [-10, 16];
/** The last of a quaternion's components, by size, is left out; the others are at most √½. */
const COMPONENT_BITS = 9;
const MAX_COMPONENT = 2 ** COMPONENT_BITS - 1;
/** Coefficients of the first band are rounded to 5 bits, those of the others to 4. */
const [FIRST_BAND_STEP, OTHER_BANDS_STEP] = [8, 16];

/** Writes the gaussians, in the cloud's own frame and order. */
export async function writeSpz(file: string, cloud: SplatCloud): Promise<void> {
  const { count, shDegree } = cloud;
  const header = Buffer.alloc(HEADER_BYTES);
  const bits = fractionBits(cloud.positions);
  header.writeUInt32LE(SPZ_MAGIC, 0);
  header.writeUInt32LE(VERSION, 4);
  header.writeUInt32LE(count, 8);
  header.writeUInt8(shDegree, 12);
  header.writeUInt8(bits, 13);
  const { positions, logScales } = withinReach(cloud, MAX_POSITION / 2 ** bits);
  const columns = [
    header,
    positionBytes(positions, 2 ** bits),
    bytesOf(cloud.opacities, (logit) => 255 / (1 + Math.exp(-logit))),
    bytesOf(cloud.dc, (coefficient) => 255 * (COLOUR_SCALE * coefficient + 0.5)),
    bytesOf(logScales, (size) => LOG_SCALE_STEPS * (size - LEAST_LOG_SCALE)),
    rotationBytes(cloud.rotations),
    harmonicBytes(cloud),
  ];
  await writeFile(file, await promisify(gzip)(Buffer.concat(columns)));
}

/**
 * How fine the grid of positions is: as usual, or finer for a small scene, but not so fine that more than a few
 * gaussians are out of its reach.
 */
function fractionBits(positions: Float32Array): number {
  const distances = positions.map(Math.abs).toSorted();
  const at = (share: number) => distances[Math.floor(share * (distances.length - 1))] ?? 0;
  const wanted = Math.max(USUAL_BITS, LEAST_STEPS - Math.floor(Math.log2(at(0.5))));
  const reaching = Math.floor(Math.log2(MAX_POSITION / at(MOST)));
  return Math.max(0, Math.min(wanted, reaching, MAX_BITS));
}

/** Gaussians that are farther away come nearer and get smaller: from the scene's middle, they look the same. */
function withinReach(
  { count, positions, logScales }: SplatCloud,
  reach: number,
): Pick<SplatCloud, "positions" | "logScales"> {
  const near = { positions: positions.slice(), logScales: logScales.slice() };
  for (let i = 3 * count - 3; i >= 0; i -= 3) {
    const farthest = Math.max(...positions.subarray(i, i + 3).map(Math.abs));
    if (farthest <= reach) continue;
    for (let axis = i; axis < i + 3; axis++) {
      near.positions[axis] = ((positions[axis] as number) * reach) / farthest;
      near.logScales[axis] = (logScales[axis] as number) + Math.log(reach / farthest);
    }
  }
  return near;
}

function positionBytes(positions: Float32Array, scale: number): Buffer {
  const bytes = Buffer.alloc(3 * positions.length);
  positions.forEach((value, i) => {
    const size = Math.min(MAX_POSITION, Math.round(Math.abs(value) * scale));
    bytes.writeIntLE(value < 0 ? -size : size, 3 * i, 3);
  });
  return bytes;
}

/** Rounded and clamped to 0–255. */
function bytesOf(values: Float32Array, code: (value: number) => number): Uint8Array {
  return new Uint8Array(Uint8ClampedArray.from(values, code).buffer);
}

/**
 * A word for each: the number of the largest component (x, y, z, w), then the other three, from the first on, as sign
 * and size. q and −q are the same rotation, so that the largest one is positive.
 */
function rotationBytes(rotations: Float32Array): Buffer {
  const bytes = Buffer.alloc(rotations.length);
  for (let i = 0; i < rotations.length; i += 4) {
    const [w = 0, x = 0, y = 0, z = 0] = rotations.subarray(i, i + 4);
    const components = [x, y, z, w];
    const sizes = components.map(Math.abs);
    const largest = sizes.indexOf(Math.max(...sizes));
    const isTurned = (components[largest] as number) < 0;
    const unit = Math.SQRT2 / Math.hypot(...components);
    let word = largest;
    for (let j = 0; j < 4; j++) {
      if (j === largest) continue;
      const isNegative = (components[j] as number) < 0 !== isTurned;
      const size = Math.min(MAX_COMPONENT, Math.round(MAX_COMPONENT * unit * (sizes[j] as number)));
      word = (word << (COMPONENT_BITS + 1)) | (isNegative ? 1 << COMPONENT_BITS : 0) | size;
    }
    bytes.writeUInt32LE(word >>> 0, i);
  }
  return bytes;
}

/** Coefficient by coefficient, the three channels of each together. */
function harmonicBytes({ count, shDegree, rest }: SplatCloud): Uint8Array {
  const perChannel = restCoefficients(shDegree);
  const bytes = new Uint8ClampedArray(rest.length);
  for (let gaussian = 0; gaussian < count; gaussian++) {
    const first = 3 * perChannel * gaussian;
    for (let j = 0; j < perChannel; j++) {
      const step = j < 3 ? FIRST_BAND_STEP : OTHER_BANDS_STEP;
      for (let channel = 0; channel < 3; channel++) {
        const code = Math.round(128 * (rest[first + channel * perChannel + j] as number)) + 128;
        bytes[first + 3 * j + channel] = step * Math.floor((code + step / 2) / step);
      }
    }
  }
  return new Uint8Array(bytes.buffer);
}
