import { z } from "zod";

const MAX_LABELS = 16;

/** Labels of a job: `key=value` pairs by which it is found. */
export const Labels = z
  .record(
    z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/, "letters, digits, and . _ / - after the first"),
    z.string().max(255),
  )
  .refine((labels) => Object.keys(labels).length <= MAX_LABELS, `at most ${MAX_LABELS} labels`);
export type Labels = z.infer<typeof Labels>;

/** As job_labels stores them and the query of GET /jobs names them. */
export function labelTexts(labels: Labels): string[] {
  return Object.entries(labels).map(([key, value]) => `${key}=${value}`);
}
