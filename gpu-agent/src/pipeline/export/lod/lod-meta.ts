import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { err, errorText, LOD_META_FILE, ok, type Result } from "@splatt/shared";
import { z } from "zod";
import { readSogHeader } from "../sog/read-sog.ts";

const Point = z.tuple([z.number(), z.number(), z.number()]);
const LodBound = z.object({ min: Point, max: Point });
export type LodBound = z.infer<typeof LodBound>;

/** Where the gaussians of a part of the scene are, at one level. */
const LodFile = z.object({
  /** An index of `filenames`. */
  file: z.int().nonnegative(),
  offset: z.int().nonnegative(),
  count: z.int().positive(),
});
export type LodFile = z.infer<typeof LodFile>;

const LodNode = z.object({ bound: LodBound, lods: z.record(z.string(), LodFile) });
export type LodNode = z.infer<typeof LodNode>;

/** lod-meta.json. Level 0 is the finest. */
export const LodMeta = z.object({
  version: z.literal(1),
  asset: z.object({ generator: z.string() }),
  /** Of all levels together. */
  count: z.int(),
  /** Of each level. */
  counts: z.array(z.int()),
  lodLevels: z.int().positive(),
  filenames: z.array(z.string()),
  tree: z.object({ bound: LodBound, children: z.array(LodNode) }),
});
export type LodMeta = z.infer<typeof LodMeta>;

/**
 * Reads a set back.
 *
 * @returns the gaussians of its finest level and their bands, or why it is not valid
 */
export async function readLodSet(
  dir: string,
): Promise<Result<{ gaussians: number; shDegree: number }, string>> {
  try {
    const meta = LodMeta.parse(JSON.parse(await readFile(join(dir, LOD_META_FILE), "utf8")));
    const parts = meta.tree.children.flatMap(({ lods }) => Object.values(lods));
    let bands = -1;
    for (const [i, name] of meta.filenames.entries()) {
      const header = await readSogHeader(join(dir, name));
      if (!header.ok) return err(`${name}: ${header.error}`);
      const expected = parts.reduce((sum, { file, count }) => sum + (file === i ? count : 0), 0);
      const { gaussians, shDegree } = header.value;
      if (gaussians !== expected) return err(`${name} holds ${gaussians} of ${expected} gaussians`);
      if (bands !== -1 && shDegree !== bands)
        return err(`${name} has a different number of SH bands than the files before it`);
      bands = shDegree;
    }
    return ok({ gaussians: meta.counts[0] ?? 0, shDegree: Math.max(0, bands) });
  } catch (error) {
    return err(errorText(error));
  }
}
