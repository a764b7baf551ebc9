import type { Intrinsics } from "./camera.ts";

/** Brown's lens model as OpenCV has it: two radial and two tangential coefficients. */
export interface Distortion {
  readonly k1: number;
  readonly k2: number;
  readonly p1: number;
  readonly p2: number;
}

/** Where each pixel of the undistorted image comes from. */
export interface UndistortionMap {
  /**
   * For each pixel, row by row, the source's x and y in pixel units with whole numbers at pixel centres.
   * NaN where the photo shows nothing.
   */
  readonly source: Float32Array;
}

/** Bilinear sampling may reach this far over the outermost pixel centres. */
const BORDER = 0.5;

/**
 * Where a ray (x, y, 1) of the pinhole camera ends up in the photo, in the same normalised coordinates; null
 * beyond the radius at which the polynomial turns back and stops being a model of any lens.
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
  const source = new Float32Array(2 * width * height);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const at = distort((column + 0.5 - centerX) / focalX, (row + 0.5 - centerY) / focalY, lens);
      const x = at === null ? Number.NaN : at[0] * focalX + centerX - 0.5;
      const y = at === null ? Number.NaN : at[1] * focalY + centerY - 0.5;
      const inside = x >= -BORDER && x <= width - 1 + BORDER && y >= -BORDER && y <= height - 1 + BORDER;
      const index = 2 * (row * width + column);
      source[index] = inside ? x : Number.NaN;
      source[index + 1] = inside ? y : Number.NaN;
    }
  }
  return { source };
}

/**
 * Resamples a photo (interleaved red, green, blue bytes) bilinearly. Pixels without a source become black;
 * `validPixels` tells which these are.
 */
export function undistort(
  photo: Uint8Array,
  width: number,
  height: number,
  map: UndistortionMap,
): Uint8Array {
  const result = new Uint8Array(3 * width * height);
  const { source } = map;
  for (let pixel = 0; pixel < width * height; pixel++) {
    const x = source[2 * pixel] as number;
    if (Number.isNaN(x)) continue;
    const clampedX = Math.min(Math.max(x, 0), width - 1);
    const clampedY = Math.min(Math.max(source[2 * pixel + 1] as number, 0), height - 1);
    const x0 = Math.min(Math.floor(clampedX), Math.max(0, width - 2));
    const y0 = Math.min(Math.floor(clampedY), Math.max(0, height - 2));
    const fx = clampedX - x0;
    const fy = clampedY - y0;
    const right = width > 1 ? 3 : 0;
    const below = height > 1 ? 3 * width : 0;
    const corner = 3 * (y0 * width + x0);
    for (let channel = 0; channel < 3; channel++) {
      const at = corner + channel;
      const top = (photo[at] as number) * (1 - fx) + (photo[at + right] as number) * fx;
      const bottom = (photo[at + below] as number) * (1 - fx) + (photo[at + below + right] as number) * fx;
      result[3 * pixel + channel] = top * (1 - fy) + bottom * fy + 0.5;
    }
  }
  return result;
}

/** 1 for each pixel that has a source, else 0. */
export function validPixels(width: number, height: number, map: UndistortionMap | null): Uint8Array {
  const valid = new Uint8Array(width * height).fill(1);
  if (map !== null) {
    for (let pixel = 0; pixel < width * height; pixel++) {
      if (Number.isNaN(map.source[2 * pixel])) valid[pixel] = 0;
    }
  }
  return valid;
}
