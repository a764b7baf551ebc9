import type { Lens } from "@splatt/formats";
import { err, errorText, type Failure, failure, ok, type Result } from "@splatt/shared/outcomes";
import sharp from "sharp";
import type { PinholeCamera } from "./camera.ts";

export interface DatasetFrame {
  readonly name: string;
  readonly path: string;
  readonly camera: PinholeCamera;
  readonly lens: Lens;
}

/** Decodes a photo to interleaved red, green and blue bytes, and checks that it has the camera's size. */
export async function readPhoto(frame: DatasetFrame): Promise<Result<Uint8Array, Failure>> {
  try {
    const image = sharp(frame.path).toColourspace("srgb").removeAlpha().raw();
    const { data, info } = await image.toBuffer({ resolveWithObject: true });
    const { width, height } = frame.camera;
    if (info.width !== width || info.height !== height || info.channels !== 3) {
      return invalidDataset(
        `${frame.name} has ${info.width}×${info.height} pixels, its camera ${width}×${height}.`,
      );
    }
    return ok(data);
  } catch (error) {
    return invalidDataset(`${frame.name} cannot be decoded: ${errorText(error)}`);
  }
}

export function invalidDataset(detail: string): Result<never, Failure> {
  return err(failure("dataset_invalid", detail));
}
