import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { err, errorText, ok, type Result } from "@splatt/shared";
import { type ColmapModel, parseCameras, parseImages, parsePoints } from "./colmap-model.ts";
import { encodeModel } from "./encode-model.ts";

/** @returns the model in a folder, or a sentence on what is wrong with its files */
export async function readModel(dir: string): Promise<Result<ColmapModel, string>> {
  try {
    const cameras = parseCameras(await readFile(join(dir, "cameras.bin")));
    if (!cameras.ok) return cameras;
    const images = parseImages(await readFile(join(dir, "images.bin")));
    if (!images.ok) return images;
    const points = parsePoints(await readFile(join(dir, "points3D.bin")));
    if (!points.ok) return points;
    return ok({ cameras: cameras.value, images: images.value, points: points.value });
  } catch (error) {
    return err(errorText(error));
  }
}

/** Writes a model into a folder, which is made if it is missing. */
export async function writeModel(dir: string, model: ColmapModel): Promise<void> {
  const { cameras, images, points } = encodeModel(model);
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, "cameras.bin"), cameras);
  await writeFile(join(dir, "images.bin"), images);
  await writeFile(join(dir, "points3D.bin"), points);
}

/** Moves only a model's files to another folder. */
export async function moveModel(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const name of await readdir(from)) {
    if (name.endsWith(".bin")) await rename(join(from, name), join(to, name));
  }
}
