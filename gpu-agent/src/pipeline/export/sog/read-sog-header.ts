import { readFile } from "node:fs/promises";
import { err, ok, type Result } from "@splatt/shared";
import { strFromU8, unzipSync } from "fflate";
import { z } from "zod";

/** What a file of a web format says of itself. */
export interface WebFileHeader {
  readonly version: number;
  readonly gaussians: number;
  readonly shDegree: number;
}

const SogMeta = z.object({
  version: z.int(),
  count: z.int().nonnegative(),
  shN: z.object({ bands: z.int().min(1).max(3) }).optional(),
});

/** A ZIP with a meta.json. @throws when the file is neither */
export async function readSogHeader(path: string): Promise<Result<WebFileHeader, string>> {
  const entries = unzipSync(await readFile(path), { filter: ({ name }) => name === "meta.json" });
  const text = entries["meta.json"];
  if (text === undefined) return err("it has no meta.json");
  const { version, count, shN } = SogMeta.parse(JSON.parse(strFromU8(text)));
  return ok({ version, gaussians: count, shDegree: shN?.bands ?? 0 });
}
