import { z } from "zod";

/** A number as a string: decimal, as JSON writes it, or Python. `Number` also takes nothing, `0x10` and `Infinity`. */
export const NUMERIC_TEXT = /^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$/;

/**
 * Numbers as the seed's server (pydantic, lax mode) accepted them: 5, 5.0 and "5" are the same integer. Other types are
 * refused.
 */
export function laxNumber<T extends z.ZodType<number>>(schema: T) {
  return z.preprocess(
    (value) => (typeof value === "string" && NUMERIC_TEXT.test(value) ? Number(value) : value),
    schema,
  );
}
