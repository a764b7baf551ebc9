import { z } from "zod";

/** A finished stage in job.json: its output, its key, and the files that must still exist for reuse. */
export const StageRecord = z.object({
  key: z.string(),
  /** Identifies the run that made it; earlier versions did not record it. */
  run: z.string().optional(),
  output: z.unknown(),
  seconds: z.number().nonnegative(),
  files: z.array(z.object({ path: z.string(), size: z.int().nonnegative() })),
});
export type StageRecord = z.infer<typeof StageRecord>;
