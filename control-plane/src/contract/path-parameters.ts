import { MAX_PARTS } from "@splatt/shared";
import { z } from "zod";

/** The parameters of all paths, by name. */
export const PATH_PARAMETERS: Readonly<Record<string, z.ZodType>> = {
  id: z.string().describe("An id as this API returned it, in either case."),
  filename: z.string().describe("The name of a file in the job's `results`."),
  token: z.string().describe("The token of a link, as this API returned it."),
  number: z.int().min(1).max(MAX_PARTS).describe("The number of the part, from 1."),
};

/** The names of a path's parameters, in order. */
export function parameterNames(path: string): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
}
