import { describe, expect, it } from "vitest";
import { distort, undistort, undistortionMap, validPixels } from "./undistortion.ts";

const lens = { k1: -0.18, k2: 0.05, p1: 0.004, p2: -0.006 };
const camera = { width: 64, height: 48, focalX: 55, focalY: 57, centerX: 31.4, centerY: 24.8 };

/** A smooth picture, as a function of where a ray hits the plane at distance 1. */
function brightness(x: number, y: number): number {
  return 128 + 60 * Math.sin(3 * x) + 50 * Math.cos(4 * y + x);
}

/** A photo of that picture through the lens, by Newton-like iteration from each photo pixel to its ray. */
function photographed(): Uint8Array {
  const photo = new Uint8Array(3 * camera.width * camera.height);
  for (let row = 0; row < camera.height; row++) {
    for (let column = 0; column < camera.width; column++) {
      const target = [
        (column + 0.5 - camera.centerX) / camera.focalX,
        (row + 0.5 - camera.centerY) / camera.focalY,
      ] as const;
      let [x, y]: readonly [number, number] = target;
      for (let i = 0; i < 50; i++) {
        const at = distort(x, y, lens) ?? [0, 0];
        [x, y] = [x + target[0] - at[0], y + target[1] - at[1]];
      }
      photo.fill(
        Math.round(brightness(x, y)),
        3 * (row * camera.width + column),
        3 * (row * camera.width + column) + 3,
      );
    }
  }
  return photo;
}

it("distorts as OpenCV's model does", () => {
  // Worked out by hand for x = 0.5, y = -0.25: r² = 0.3125.
  const radial = 1 - 0.18 * 0.3125 + 0.05 * 0.3125 ** 2;
  const expected = [
    0.5 * radial + 2 * 0.004 * 0.5 * -0.25 - 0.006 * (0.3125 + 2 * 0.25),
    -0.25 * radial + 0.004 * (0.3125 + 2 * 0.0625) + 2 * -0.006 * 0.5 * -0.25,
  ];
  const [x, y] = distort(0.5, -0.25, lens) ?? [0, 0];
  expect(x).toBeCloseTo(expected[0] as number, 12);
  expect(y).toBeCloseTo(expected[1] as number, 12);
});

describe("undistorting a photo", () => {
  const map = undistortionMap(camera, lens);
  if (map === null) throw new Error("This lens distorts");

  it("produces the picture of a pinhole camera", () => {
    const result = undistort(photographed(), camera.width, camera.height, map);
    const valid = validPixels(camera.width, camera.height, map);
    let [worst, counted] = [0, 0];
    for (let pixel = 0; pixel < valid.length; pixel++) {
      if (valid[pixel] === 0) continue;
      const [column, row] = [pixel % camera.width, Math.floor(pixel / camera.width)];
      const expected = brightness(
        (column + 0.5 - camera.centerX) / camera.focalX,
        (row + 0.5 - camera.centerY) / camera.focalY,
      );
      worst = Math.max(worst, Math.abs((result[3 * pixel + 1] as number) - expected));
      counted++;
    }
    expect(counted).toBeGreaterThan(0.8 * valid.length);
    expect(worst).toBeLessThan(2.5);
  });

  it("leaves no photo pixel out when the lens bends inwards, and masks the corners when it bends outwards", () => {
    const share = (k1: number) => {
      const valid = validPixels(64, 48, undistortionMap(camera, { k1, k2: 0, p1: 0, p2: 0 }));
      return valid.reduce((sum, value) => sum + value, 0) / valid.length;
    };
    expect(share(-0.1)).toBe(1);
    expect(share(0.3)).toBeLessThan(0.95);
    expect(share(0.3)).toBeGreaterThan(0.5);
  });
});

it("masks pixels beyond the radius at which the polynomial turns back", () => {
  expect(distort(1.2, 0, { k1: -0.3, k2: 0, p1: 0, p2: 0 })).toBeNull();
  expect(distort(1, 0, { k1: -0.3, k2: 0, p1: 0, p2: 0 })).not.toBeNull();
});

it("returns no map for a lens without distortion", () => {
  expect(undistortionMap(camera, { k1: 0, k2: 0, p1: 0, p2: 0 })).toBeNull();
});
