import { z } from "zod";
import { laxNumber } from "./lax-number.ts";

/** Fields that many answers have. */
export const Warnings = z
  .array(z.string())
  .optional()
  .describe("Fields and parameters that were ignored because the API does not know them.");

/** The query of a list in the order of creation, newest first. */
export const NewestFirstCursor = z
  .string()
  .regex(/^\d{1,15}_[0-9a-f-]{36}$/, "must be a next_cursor of this list")
  .optional()
  .describe("`next_cursor` of the page before.");

/** The query of a list that is short for most. */
export const ListPageQuery = z.object({
  limit: laxNumber(z.int().min(1).max(1000)).default(1000).describe("Entries on a page, at most."),
  cursor: NewestFirstCursor,
});

export const NextCursor = z
  .string()
  .nullable()
  .describe("The `cursor` of the next page; null on the last page.");
