import { z } from "zod";

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
