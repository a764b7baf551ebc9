import { z } from "zod";

/** A finished stage as job.json records it: its output, under which key, and the files that must still be there. */
export const StageRecord = z.object({
  key: z.string(),
  output: z.unknown(),
  seconds: z.number().nonnegative(),
  files: z.array(z.object({ path: z.string(), size: z.int().nonnegative() })),
});
export type StageRecord = z.infer<typeof StageRecord>;
