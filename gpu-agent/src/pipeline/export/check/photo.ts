import {
  intrinsicsOf,
  pinholeCamera,
  resized,
  undistort,
  undistortionMap,
  validPixels,
} from "@splatt/cpu-trainer/rendering";
import type { Lens, PosedFrame } from "@splatt/formats";
import sharp from "sharp";

export interface Photo {
  readonly pixels: Uint8Array;
  /** Non-zero where the photo has a pixel. */
  readonly valid: Uint8Array;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A photo's size, reduced to a longest side. */
export function sizeWithin({ w, h }: Lens, longSide: number): Size {
  const factor = Math.min(1, longSide / Math.max(w, h));
  return { width: Math.round(w * factor), height: Math.round(h * factor) };
}

export function cameraOf({ transform_matrix }: PosedFrame, lens: Lens, { width, height }: Size) {
  return resized(pinholeCamera(intrinsicsOf(lens), transform_matrix), width, height);
}

/** A photo at a size, undistorted. */
export async function loadPhoto(file: string, lens: Lens, { width, height }: Size): Promise<Photo> {
  const pixels = await sharp(file)
    .removeAlpha()
    .toColourspace("srgb")
    .resize(width, height, { fit: "fill" })
    .raw()
    .toBuffer();
  const scale = width / lens.w;
  const { focalX, focalY, centerX, centerY } = intrinsicsOf(lens);
  const camera = {
    ...{ width, height, focalX: focalX * scale, focalY: focalY * scale },
    ...{ centerX: centerX * scale, centerY: centerY * scale },
  };
  const map = undistortionMap(camera, lens);
  return {
    pixels: map === null ? pixels : undistort(pixels, width, height, map),
    valid: validPixels(width, height, map),
  };
}

/** A picture with each channel brightened or darkened to fit the photo, by least squares. */
export function fittedTo({ pixels, valid }: Photo, picture: Uint8Array): Uint8Array {
  const [products, squares] = [
    [0, 0, 0],
    [0, 0, 0],
  ];
  picture.forEach((value, i) => {
    if (valid[Math.floor(i / 3)] === 0) return;
    const channel = i % 3;
    products[channel] = (products[channel] ?? 0) + value * (pixels[i] ?? 0);
    squares[channel] = (squares[channel] ?? 0) + value * value;
  });
  const gains = products.map((sum, channel) => sum / Math.max(1, squares[channel] ?? 0));
  return picture.map((value, i) => Math.min(255, Math.round((gains[i % 3] ?? 1) * value)));
}

/** Of a picture of the same size, over the photo's valid pixels, in decibels. */
export function psnr({ pixels, valid }: Photo, other: Uint8Array): number {
  let squares = 0;
  let count = 0;
  for (let i = 0; i < pixels.length; i++) {
    if (valid[Math.floor(i / 3)] === 0) continue;
    squares += ((pixels[i] ?? 0) - (other[i] ?? 0)) ** 2;
    count++;
  }
  // Rounding to bytes alone leaves an error.
  return 10 * Math.log10(255 ** 2 / Math.max(squares / Math.max(1, count), 1 / 12));
}
