import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { err, errorText, LOD_META_FILE, ok, type Result } from "@splatt/shared";
import { joinedSamples, MAX_SAMPLES, type SplatSample, splatDifference } from "../check/same-splat.ts";
import { readSog } from "../sog/read-sog.ts";
import { type LodBound, type LodFile, LodMeta } from "./lod-meta.ts";

/** Where a part of the scene is at one level, and the box that it must lie in. */
type Part = LodFile & { readonly bound: LodBound };

/**
 * Reads a set back as a viewer does: by the parts that lod-meta.json lists.
 *
 * @param gaussians of the splat
 * @param expected what each level should hold, the finest first
 * @returns the SH degree of the finest level, or why a viewer would show something else
 */
export async function checkLodSet(
  dir: string,
  gaussians: number,
  expected: readonly SplatSample[],
): Promise<Result<{ readonly shDegree: number }, string>> {
  try {
    const meta = LodMeta.parse(JSON.parse(await readFile(join(dir, LOD_META_FILE), "utf8")));
    if (meta.counts.length !== expected.length) {
      return err(`it has ${meta.counts.length} of ${expected.length} levels`);
    }
    if (meta.counts[0] !== gaussians) {
      return err(`its finest level has ${meta.counts[0]} of ${gaussians} gaussians`);
    }
    let shDegree = 0;
    for (const [level, sample] of expected.entries()) {
      const read = await readLevel(dir, meta, level);
      if (!read.ok) return read;
      const lost = splatDifference(sample, read.value.sample);
      if (lost !== null) return err(`the ${lost} at level ${level} are not those of the splat`);
      if (level === 0) shDegree = read.value.shDegree;
    }
    return ok({ shDegree });
  } catch (error) {
    return err(errorText(error));
  }
}

async function readLevel(
  dir: string,
  { tree, counts, filenames }: LodMeta,
  level: number,
): Promise<Result<{ readonly sample: SplatSample; readonly shDegree: number }, string>> {
  const parts = tree.children.flatMap(({ bound, lods }): Part[] => {
    const file = lods[level];
    return file === undefined ? [] : [{ ...file, bound }];
  });
  const listed = parts.reduce((sum, { count }) => sum + count, 0);
  const inLevel = counts[level] ?? 0;
  if (listed !== inLevel) return err(`its parts list ${listed} of ${inLevel} gaussians of level ${level}`);
  const every = Math.max(1, Math.floor(inLevel / MAX_SAMPLES));
  const samples: SplatSample[] = [];
  let shDegree = 0;
  for (const file of new Set(parts.map((part) => part.file))) {
    const name = filenames[file] ?? "";
    const chosen: number[] = [];
    const read = await readSog(join(dir, name), (count) => {
      for (let i = 0; i < count; i += every) chosen.push(i);
      return chosen;
    });
    if (!read.ok) return err(`${name}: ${read.error}`);
    const { gaussians, sample } = read.value;
    const inFile = parts.filter((part) => part.file === file);
    const problem = listingProblem(inFile, gaussians) ?? outlierProblem(inFile, chosen, sample);
    if (problem !== null) return err(`${name}: ${problem}`);
    samples.push(sample);
    shDegree = Math.max(shDegree, read.value.shDegree);
  }
  return ok({ sample: joinedSamples(samples), shDegree });
}

/** A viewer shows some gaussians twice, or never, unless the parts lie one after the other and fill their file. */
function listingProblem(parts: readonly Part[], gaussians: number): string | null {
  let next = 0;
  for (const { offset, count } of parts) {
    if (offset !== next) return `a part begins at ${offset}, not at ${next}`;
    next += count;
  }
  return next === gaussians ? null : `it holds ${gaussians} of ${next} gaussians`;
}

/** Of a position and one more: what 16 bits of its logarithm may round away. */
const ROUNDING = 0.002;

/** A viewer chooses a part's level by its box, so its gaussians must be there. */
function outlierProblem(
  parts: readonly Part[],
  chosen: readonly number[],
  { positions }: SplatSample,
): string | null {
  let at = 0;
  for (const [i, gaussian] of chosen.entries()) {
    let part = parts[at];
    while (part !== undefined && gaussian >= part.offset + part.count) part = parts[++at];
    for (const [axis, values] of positions.entries()) {
      const value = values[i] ?? Number.NaN;
      const rounding = ROUNDING * (1 + Math.abs(value));
      const [low, high] = [part?.bound.min[axis] ?? Number.NaN, part?.bound.max[axis] ?? Number.NaN];
      // Not `<` and `>`: NaN must be an outlier.
      if (!(value >= low - rounding && value <= high + rounding)) {
        return `gaussian ${gaussian} is not in the box of its part`;
      }
    }
  }
  return null;
}
