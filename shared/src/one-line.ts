import type { z } from "zod";

/** No control characters, line separators or paragraph separators. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
const ONE_LINE = /^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$/;

/** Text from a client that lists, logs and terminals show as one line. A lone surrogate has no UTF-8. */
export const oneLine = (text: z.ZodString) =>
  text
    .regex(ONE_LINE, "must be one line of text, without control characters")
    .refine((text) => text.isWellFormed(), { message: "must be well-formed Unicode" });
