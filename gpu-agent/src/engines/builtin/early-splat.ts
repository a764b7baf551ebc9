import { join } from "node:path";
import { plyVertexCount } from "../../splat/ply-vertex-count.ts";
import { writeShPly } from "../../splat/sh-ply.ts";
import type { SplatCloud } from "../../splat/splat-cloud.ts";
import { newestWhole, removeOthers, type SteppedFile, type SteppedFiles } from "../stepped-files.ts";

/** Splats that training leaves on its way, for a look at it. */
const EARLY_SPLATS: SteppedFiles = {
  dir: ".",
  name: /^early_(\d+)\.ply$/,
  isWhole: async (path) => (await plyVertexCount(path)).ok,
};

/** The newest one after a step, or null. */
export function earlySplat(trainDir: string, after: number): Promise<SteppedFile | null> {
  return newestWhole(trainDir, EARLY_SPLATS, after);
}

/** Takes the place of the one before. */
export async function writeEarlySplat(trainDir: string, step: number, cloud: SplatCloud): Promise<void> {
  const file = `early_${step}.ply`;
  await writeShPly(join(trainDir, file), cloud);
  await removeOthers(trainDir, EARLY_SPLATS, file);
}

export async function removeEarlySplats(trainDir: string): Promise<void> {
  await removeOthers(trainDir, EARLY_SPLATS, null);
}
