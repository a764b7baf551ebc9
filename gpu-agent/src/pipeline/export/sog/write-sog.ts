import { writeFile } from "node:fs/promises";
import { mortonOrder } from "@splatt/cpu-trainer/rendering";
import { restCoefficients, type SplatCloud } from "@splatt/formats/splats";
import { strToU8, zipSync } from "fflate";
import sharp from "sharp";
import { codebookOf, encode } from "./codebook.ts";
import { paletteOf } from "./palette.ts";

/*
 * Writes version 2 of SOG (https://developer.playcanvas.com/user-manual/gaussian-splatting/formats/sog): a ZIP of
 * meta.json and lossless WebP images, in which pixel i holds a part of gaussian i, as bytes. splat-transform, which
 * writes the format too, needs a GPU to compress the spherical harmonics in reasonable time.
 */

const CHANNELS = 4;
const CENTROIDS_PER_ROW = 64;
const MAX_CENTROIDS = 65_536;
/** Of lossless WebP, 0–6. More takes several times as long for a few percent. */
const EFFORT = 2;

export interface SogOptions {
  /** Neighbours in space become neighbours in the images, which compresses better, unless they are already. */
  readonly isOrdered?: boolean;
  /** The most that stand for the spherical harmonics of all gaussians. */
  readonly centroids?: number;
}

/** Writes the gaussians, in the cloud's own frame. */
export async function writeSog(
  file: string,
  cloud: SplatCloud,
  { isOrdered = false, centroids = MAX_CENTROIDS }: SogOptions = {},
): Promise<void> {
  const { count, positions } = cloud;
  const axes = [0, 1, 2].map((axis) =>
    Float32Array.from({ length: count }, (_, i) => positions[3 * i + axis] as number),
  );
  const order = isOrdered ? Uint32Array.from({ length: count }, (_, i) => i) : mortonOrder(axes, count);
  const width = Math.max(4, Math.ceil(Math.sqrt(count) / 4) * 4);
  const size = { width, height: Math.max(4, Math.ceil(count / width / 4) * 4) };
  const image = (pixel: Pixel) => webp(pixelsOf(size, order, pixel), size);

  const means = meansOf(axes);
  const scales = codebookOf(cloud.logScales);
  const scaleCodes = encode(cloud.logScales, scales);
  const colors = codebookOf(cloud.dc);
  const colorCodes = encode(cloud.dc, colors);
  const harmonics = cloud.shDegree === 0 ? null : harmonicsOf(cloud, centroids);
  const images: Record<string, Promise<Uint8Array>> = {
    "means_l.webp": image((i) => [...means.codes.map((codes) => (codes[i] as number) & 255), 255]),
    "means_u.webp": image((i) => [...means.codes.map((codes) => (codes[i] as number) >> 8), 255]),
    "quats.webp": image((i) => quaternionPixel(cloud.rotations.subarray(4 * i, 4 * i + 4))),
    "scales.webp": image((i) => [...scaleCodes.subarray(3 * i, 3 * i + 3), 255]),
    "sh0.webp": image((i) => {
      const opacity = Math.round(255 / (1 + Math.exp(-(cloud.opacities[i] as number))));
      return [...colorCodes.subarray(3 * i, 3 * i + 3), opacity];
    }),
    ...(harmonics === null
      ? {}
      : {
          "shN_centroids.webp": webp(harmonics.pixels, harmonics.size),
          "shN_labels.webp": image((i) => {
            const label = harmonics.labels[i] as number;
            return [label & 255, label >> 8, 0, 255];
          }),
        }),
  };
  const meta = {
    version: 2,
    asset: { generator: "Splatt" },
    count,
    means: { mins: means.mins, maxs: means.maxs, files: ["means_l.webp", "means_u.webp"] },
    scales: { codebook: Array.from(scales), files: ["scales.webp"] },
    quats: { files: ["quats.webp"] },
    sh0: { codebook: Array.from(colors), files: ["sh0.webp"] },
    ...(harmonics === null
      ? {}
      : {
          shN: {
            count: harmonics.count,
            bands: cloud.shDegree,
            codebook: Array.from(harmonics.codebook),
            files: ["shN_centroids.webp", "shN_labels.webp"],
          },
        }),
  };
  const entries: Record<string, Uint8Array> = { "meta.json": strToU8(JSON.stringify(meta)) };
  for (const [name, bytes] of Object.entries(images)) entries[name] = await bytes;
  // The images are compressed already.
  await writeFile(file, zipSync(entries, { level: 0 }));
}

/** The four bytes of a gaussian. */
type Pixel = (gaussian: number) => ArrayLike<number>;

interface ImageSize {
  readonly width: number;
  readonly height: number;
}

function pixelsOf({ width, height }: ImageSize, order: Uint32Array, pixel: Pixel): Uint8Array {
  const pixels = new Uint8Array(width * height * CHANNELS);
  order.forEach((gaussian, i) => {
    pixels.set(pixel(gaussian), CHANNELS * i);
  });
  return pixels;
}

function webp(pixels: Uint8Array, size: ImageSize): Promise<Uint8Array> {
  // Transparent pixels keep their colours: those are data.
  return sharp(pixels, { raw: { ...size, channels: CHANNELS } })
    .webp({ lossless: true, exact: true, effort: EFFORT })
    .toBuffer();
}

/** Positions as 16 bits between the least and the greatest, after a logarithm that leaves far ones less room. */
function meansOf(axes: readonly Float32Array[]) {
  const mins: number[] = [];
  const maxs: number[] = [];
  const codes = axes.map((values) => {
    const logs = Float64Array.from(values, (value) => Math.sign(value) * Math.log1p(Math.abs(value)));
    const low = logs.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
    const high = logs.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
    mins.push(low);
    maxs.push(high);
    const scale = high > low ? 65_535 / (high - low) : 0;
    return Uint16Array.from(logs, (value) => Math.round((value - low) * scale));
  });
  return { mins, maxs, codes };
}

/** The three smaller components of a rotation, w first, and which one is left out. */
function quaternionPixel(rotation: Float32Array): number[] {
  const length = Math.hypot(...rotation);
  let largest = 0;
  for (let i = 1; i < 4; i++) {
    if (Math.abs(rotation[i] as number) > Math.abs(rotation[largest] as number)) largest = i;
  }
  // q and −q are the same rotation. The others are at most √½.
  const scale = (Math.sign(rotation[largest] as number) * Math.SQRT2) / length;
  const bytes: number[] = [];
  for (let i = 0; i < 4; i++) {
    if (i !== largest) bytes.push(Math.round(255 * (0.5 + 0.5 * scale * (rotation[i] as number))));
  }
  return [...bytes, 252 + largest];
}

/** The spherical harmonics beyond the constant: a palette, whose numbers are entries of a codebook. */
function harmonicsOf({ count, shDegree, rest }: SplatCloud, most: number) {
  const perChannel = restCoefficients(shDegree);
  const dimensions = 3 * perChannel;
  const wanted = Math.min(most, 2 ** Math.max(10, Math.floor(Math.log2(Math.max(1, count)))));
  const palette = paletteOf(rest, dimensions, wanted);
  const codebook = codebookOf(palette.centroids);
  const codes = encode(palette.centroids, codebook);
  const size = {
    width: CENTROIDS_PER_ROW * perChannel,
    height: Math.max(1, Math.ceil(palette.count / CENTROIDS_PER_ROW)),
  };
  const pixels = new Uint8Array(size.width * size.height * CHANNELS).fill(255);
  for (let centroid = 0; centroid < palette.count; centroid++) {
    for (let j = 0; j < perChannel; j++) {
      for (let channel = 0; channel < 3; channel++) {
        const code = codes[centroid * dimensions + channel * perChannel + j] as number;
        pixels[CHANNELS * (centroid * perChannel + j) + channel] = code;
      }
    }
  }
  return { count: palette.count, labels: palette.labels, codebook, pixels, size };
}
