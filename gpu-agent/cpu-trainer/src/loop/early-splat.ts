import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type SplatCloud, writeShPly } from "@splatt/formats/splats";

/** Splats written during training, for previews. The first group is the step. */
export const EARLY_SPLAT_NAME = /^early_(\d+)\.ply$/;

/** Replaces the previous early splat. */
export async function writeEarlySplat(dir: string, step: number, cloud: SplatCloud): Promise<void> {
  const file = `early_${step}.ply`;
  await writeShPly(join(dir, file), cloud);
  await removeEarlySplats(dir, file);
}

/** @param keep the name of one to keep */
export async function removeEarlySplats(dir: string, keep?: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (EARLY_SPLAT_NAME.test(name) && name !== keep) await rm(join(dir, name), { force: true });
  }
}
