import { z } from "zod";

/**
 * Numbers as the seed's server (pydantic, lax mode) accepted them: 5, 5.0 and "5" are the same integer. Other types are
 * refused.
 */
export function laxNumber<T extends z.ZodType<number>>(schema: T) {
  return z.preprocess((value) => {
    const number = typeof value === "string" && value.trim() !== "" ? Number(value) : Number.NaN;
    return Number.isNaN(number) ? value : number;
  }, schema);
}
