import { z } from "zod";
import { isWellFormed, WELL_FORMED } from "./well-formed.ts";

/** A plain file name: no folders, no control characters, not `.` or `..`. */
export const FileName = z
  .string()
  .min(1)
  .max(255)
  .regex(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
    /^(?!\.{1,2}$)[^/\\\u0000-\u001f\u007f-\u009f\u2028\u2029]+$/,
    "must be a file name without folders or control characters",
  )
  .refine(isWellFormed, WELL_FORMED);
