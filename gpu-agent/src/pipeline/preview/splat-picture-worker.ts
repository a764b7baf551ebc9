import { parentPort, workerData } from "node:worker_threads";
import { intrinsicsOf, pinholeCamera, resized, SplatRenderer } from "@splatt/cpu-trainer/rendering";
import { lensOf, readShPly, readTransforms } from "@splatt/formats";
import sharp from "sharp";
import { bestView } from "./best-view.ts";

export interface PictureTask {
  readonly splatFile: string;
  readonly transformsFile: string;
  /** Pixels. */
  readonly longSide: number;
}

/** Rendering keeps a processor core busy for up to seconds: too long for the agent's own thread. */
async function makePicture({ splatFile, transformsFile, longSide }: PictureTask): Promise<Uint8Array> {
  const cloud = await readShPly(splatFile);
  if (!cloud.ok) throw new Error(cloud.error);
  const transforms = await readTransforms(transformsFile);
  const frame = transforms.frames[bestView(transforms)];
  if (frame === undefined) throw new Error("transforms.json has no frames");
  const lens = lensOf(transforms, frame);
  const factor = Math.min(1, longSide / Math.max(lens.w, lens.h));
  const [width, height] = [Math.round(lens.w * factor), Math.round(lens.h * factor)];
  const camera = resized(pinholeCamera(intrinsicsOf(lens), frame.transform_matrix), width, height);
  const pixels = new SplatRenderer(cloud.value, { width, height }).render(camera);
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .webp({ quality: 85 })
    .toBuffer();
}

parentPort?.postMessage(await makePicture(workerData as PictureTask));
