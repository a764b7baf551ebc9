import { z } from "zod";

/** Fields that many answers have. */
export const Warnings = z
  .array(z.string())
  .optional()
  .describe("Fields and parameters that were ignored because the API does not know them.");

export const NextCursor = z
  .string()
  .nullable()
  .describe("The `cursor` of the next page; null on the last page.");
