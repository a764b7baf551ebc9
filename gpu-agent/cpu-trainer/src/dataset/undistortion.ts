import type { Intrinsics } from "./camera.ts";

/** Brown's lens model in OpenCV's form: two radial and two tangential coefficients. */
export interface Distortion {
  readonly k1: number;
  readonly k2: number;
  readonly p1: number;
  readonly p2: number;
}

/** Where each pixel of the undistorted image comes from, row by row. */
export interface UndistortionMap {
  /** The upper left of the four source pixels that it lies between; NO_SOURCE where the photo shows nothing. */
  readonly corner: Int32Array;
  /** The offset from that pixel, to the right and down: 0–1. */
  readonly right: Float32Array;
  readonly below: Float32Array;
}

const NO_SOURCE = -1;

/** Bilinear sampling may reach this far over the outermost pixel centres. */
const BORDER = 0.5;

/**
 * Where a ray (x, y, 1) of the pinhole camera hits the photo, in the same normalised coordinates; null beyond the
 * radius at which the polynomial turns back and no longer models a lens.
 */
export function distort(x: number, y: number, lens: Distortion): readonly [number, number] | null {
  const r2 = x * x + y * y;
  if (1 + 3 * lens.k1 * r2 + 5 * lens.k2 * r2 * r2 <= 0) return null;
  const radial = 1 + lens.k1 * r2 + lens.k2 * r2 * r2;
  return [
    x * radial + 2 * lens.p1 * x * y + lens.p2 * (r2 + 2 * x * x),
    y * radial + lens.p1 * (r2 + 2 * y * y) + 2 * lens.p2 * x * y,
  ];
}

/** The map for photos of one camera, or null when its lens does not distort. */
export function undistortionMap(camera: Intrinsics, lens: Distortion): UndistortionMap | null {
  if (lens.k1 === 0 && lens.k2 === 0 && lens.p1 === 0 && lens.p2 === 0) return null;
  const { width, height, focalX, focalY, centerX, centerY } = camera;
  const corner = new Int32Array(width * height).fill(NO_SOURCE);
  const right = new Float32Array(width * height);
  const below = new Float32Array(width * height);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const at = distort((column + 0.5 - centerX) / focalX, (row + 0.5 - centerY) / focalY, lens);
      if (at === null) continue;
      const x = at[0] * focalX + centerX - 0.5;
      const y = at[1] * focalY + centerY - 0.5;
      const inside = x >= -BORDER && x <= width - 1 + BORDER && y >= -BORDER && y <= height - 1 + BORDER;
      if (!inside) continue;
      const clampedX = Math.min(Math.max(Math.fround(x), 0), width - 1);
      const clampedY = Math.min(Math.max(Math.fround(y), 0), height - 1);
      const x0 = Math.min(Math.floor(clampedX), Math.max(0, width - 2));
      const y0 = Math.min(Math.floor(clampedY), Math.max(0, height - 2));
      const pixel = row * width + column;
      corner[pixel] = y0 * width + x0;
      right[pixel] = clampedX - x0;
      below[pixel] = clampedY - y0;
    }
  }
  return { corner, right, below };
}

/**
 * Resamples a photo (interleaved red, green, blue bytes) bilinearly. Pixels without a source become black;
 * see `validPixels`.
 */
export function undistort(
  photo: Uint8Array,
  width: number,
  height: number,
  map: UndistortionMap,
): Uint8Array {
  const result = new Uint8Array(3 * width * height);
  const toRight = width > 1 ? 3 : 0;
  const toBelow = height > 1 ? 3 * width : 0;
  for (let pixel = 0; pixel < width * height; pixel++) {
    const corner = 3 * (map.corner[pixel] as number);
    if (corner < 0) continue;
    const right = map.right[pixel] as number;
    const below = map.below[pixel] as number;
    for (let channel = 0; channel < 3; channel++) {
      const at = corner + channel;
      const top = (photo[at] as number) * (1 - right) + (photo[at + toRight] as number) * right;
      const bottom =
        (photo[at + toBelow] as number) * (1 - right) + (photo[at + toBelow + toRight] as number) * right;
      result[3 * pixel + channel] = top * (1 - below) + bottom * below + 0.5;
    }
  }
  return result;
}

/** 1 for each pixel that has a source, else 0. */
export function validPixels(width: number, height: number, map: UndistortionMap | null): Uint8Array {
  const valid = new Uint8Array(width * height).fill(1);
  if (map !== null) {
    for (let pixel = 0; pixel < width * height; pixel++) {
      if (map.corner[pixel] === NO_SOURCE) valid[pixel] = 0;
    }
  }
  return valid;
}
