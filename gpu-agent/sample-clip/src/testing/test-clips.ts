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

/** A camera on a tripod: rich in texture, but every picture is the same, so there is no parallax. */
export function makeStaticClip(path: string, seconds = 3, ffmpeg = "ffmpeg"): Promise<Result<void, Failure>> {
  const frame = new Uint8Array(3 * SIZE.width * SIZE.height);
  for (let y = 0; y < SIZE.height; y++) {
    for (let x = 0; x < SIZE.width; x++) {
      for (let c = 0; c < 3; c++) {
        frame[3 * (y * SIZE.width + x) + c] = 255 * fractalNoise(x / 40, y / 40, 1 + c / 4, 5);
      }
    }
  }
  return encodeVideo(
    path,
    { ffmpeg, ...SIZE, fps: FPS },
    Array.from({ length: seconds * FPS }, () => frame),
  );
}
