import { readFile } from "node:fs/promises";
import { err, ok, type Result } from "@splatt/shared";
import { strFromU8, unzipSync } from "fflate";
import sharp from "sharp";
import { z } from "zod";
import { colourOf, column, type SplatSample, sampled } from "../check/same-splat.ts";

/** What a file of a web format says of itself. */
export interface WebFileHeader {
  readonly version: number;
  readonly gaussians: number;
  readonly shDegree: number;
}

const SogMeta = z.object({
  version: z.int(),
  count: z.int().nonnegative(),
  means: z.object({ mins: z.array(z.number()), maxs: z.array(z.number()) }),
  sh0: z.object({ codebook: z.array(z.number()) }),
  shN: z.object({ bands: z.int().min(1).max(3) }).optional(),
});
type SogMeta = z.infer<typeof SogMeta>;

/**
 * Decodes the images with the positions, colours and opacities, too. @throws when one cannot be decoded
 *
 * @param choose which gaussians to take, by their number in the file
 */
export async function readSog(
  path: string,
  choose: (count: number) => readonly number[] = sampled,
): Promise<Result<WebFileHeader & { readonly sample: SplatSample }, string>> {
  const entries = unzipSync(await readFile(path));
  const read = metaIn(entries);
  if (!read.ok) return read;
  const meta = read.value;
  const images = await Promise.all(
    ["means_l.webp", "means_u.webp", "sh0.webp"].map((name) =>
      sharp(entries[name]).ensureAlpha().raw().toBuffer(),
    ),
  );
  if (images.some(({ length }) => length < 4 * meta.count)) return err("its images are too small");
  const [low, high, colours] = images as [Buffer, Buffer, Buffer];
  const indices = choose(meta.count);
  const position = (axis: number) => (i: number) => {
    const [least, most] = [meta.means.mins[axis] ?? Number.NaN, meta.means.maxs[axis] ?? Number.NaN];
    const code = 256 * (high[4 * i + axis] ?? 0) + (low[4 * i + axis] ?? 0);
    const log = least + ((most - least) * code) / 65_535;
    return Math.sign(log) * Math.expm1(Math.abs(log));
  };
  const sample = {
    positions: [0, 1, 2].map((axis) => column(indices, position(axis))),
    opacities: column(indices, (i) => (colours[4 * i + 3] ?? 0) / 255),
    colours: [0, 1, 2].map((channel) =>
      column(indices, (i) => colourOf(meta.sh0.codebook[colours[4 * i + channel] ?? 0] ?? Number.NaN)),
    ),
  };
  return ok({ ...headerOf(meta), sample });
}

function metaIn(entries: Readonly<Record<string, Uint8Array>>): Result<SogMeta, string> {
  const text = entries["meta.json"];
  return text === undefined ? err("it has no meta.json") : ok(SogMeta.parse(JSON.parse(strFromU8(text))));
}

function headerOf({ version, count, shN }: SogMeta): WebFileHeader {
  return { version, gaussians: count, shDegree: shN?.bands ?? 0 };
}
