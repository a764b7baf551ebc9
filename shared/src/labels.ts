import { z } from "zod";
import { oneLine } from "./one-line.ts";

export const MAX_LABELS = 16;

/** The key of a label: letters, digits, `.`, `_`, `-` and `/`, beginning with a letter or digit. */
const LabelKey = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/,
    "up to 63 letters, digits, ., _, - and /, the first a letter or digit",
  );

const LabelValue = oneLine(z.string().max(255));

/** Labels of a job: a client's own words for it, by which it can be found. */
export const Labels = z
  .record(LabelKey, LabelValue)
  .refine((labels) => Object.keys(labels).length <= MAX_LABELS, { message: `at most ${MAX_LABELS} labels` });
export type Labels = z.infer<typeof Labels>;

/** A label as a query names it: `key=value`. The key has no `=`, the value may. */
export const LabelPair = z.string().refine(
  (text) => {
    const [key, value] = text.split(/=(.*)/s);
    return value !== undefined && LabelKey.safeParse(key).success && LabelValue.safeParse(value).success;
  },
  { message: "must be key=value" },
);

/** Labels in the form of `LabelPair`. */
export function labelTexts(labels: Readonly<Record<string, string>>): string[] {
  return Object.entries(labels).map(([key, value]) => `${key}=${value}`);
}
