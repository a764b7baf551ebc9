import type { Failure, Result } from "@splatt/shared";
import { encodeVideo } from "../encode-video.ts";
import { fractalNoise } from "../noise.ts";

/** Clips that must fail, for tests: small, quickly made, and no camera pose can be found in them. */

const SIZE = { width: 320, height: 240 };
const FPS = 8;

/** A blank wall: the pictures differ only in brightness and have no features. */
export function makeTexturelessClip(
  path: string,
  seconds = 3,
  ffmpeg = "ffmpeg",
): Promise<Result<void, Failure>> {
  const frames = Array.from({ length: seconds * FPS }, (_, i) => {
    return new Uint8Array(3 * SIZE.width * SIZE.height).fill(128 + (i % 8));
  });
  return encodeVideo(path, { ffmpeg, ...SIZE, fps: FPS }, frames);
}

/**
 * A camera on a tripod: rich in texture, without parallax.
 *
 * @param noise amplitude of the sensor's noise, 0 to 255; without noise all pictures are the same
 */
export function makeStaticClip(
  path: string,
  { seconds = 3, noise = 16, ffmpeg = "ffmpeg" } = {},
): Promise<Result<void, Failure>> {
  const scene = new Float32Array(3 * SIZE.width * SIZE.height);
  for (let y = 0; y < SIZE.height; y++) {
    for (let x = 0; x < SIZE.width; x++) {
      for (let c = 0; c < 3; c++) {
        scene[3 * (y * SIZE.width + x) + c] = 255 * fractalNoise(x / 40, y / 40, 1 + c / 4, 5);
      }
    }
  }
  const picture = (index: number) =>
    Uint8Array.from(scene, (value, i) => {
      const grain = noise * (fractalNoise((i % 977) * 1.7, index * 3.1, i / 977, 1) - 0.5);
      return Math.max(0, Math.min(255, value + 2 * grain));
    });
  return encodeVideo(
    path,
    { ffmpeg, ...SIZE, fps: FPS },
    Array.from({ length: seconds * FPS }, (_, index) => picture(noise === 0 ? 0 : index)),
  );
}
