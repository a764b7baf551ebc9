import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type SplatCloud, selectGaussians } from "@splatt/formats/splats";
import { LOD_META_FILE } from "@splatt/shared";
import { type SplatSample, sampleOf } from "../check/same-splat.ts";
import { writeSog } from "../sog/write-sog.ts";
import type { LodBound, LodFile, LodMeta, LodNode } from "./lod-meta.ts";
import { covariance, mergeGaussians } from "./merge-gaussians.ts";
import { COARSER_LEVELS, MERGED, spatialOrder } from "./spatial-order.ts";

/*
 * A streamed set for SuperSplat's viewer and the PlayCanvas engine: lod-meta.json lists the parts of the scene, and for
 * each part where its gaussians are at every level of detail. A viewer loads the coarsest level first, and finer ones
 * where the camera is near.
 */

/** Gaussians of a part of the scene, for which a viewer chooses a level. */
const LEAF_SIZE = 16_384;
/** Gaussians of a file, unless there would be too many files. */
const FILE_SIZE = 131_072;
/** Of the finest level. A job may have 64 result files. */
const MAX_FILES = 32;

const GAUSSIANS_PER_CENTROID = 8;

/** Gaussians from `start` to `end` of a level. */
interface Range {
  readonly start: number;
  readonly end: number;
}

export interface WrittenLodSet {
  /** Their names. */
  readonly files: readonly string[];
  /** What each level holds, the finest first. */
  readonly levels: readonly SplatSample[];
}

/** Writes the gaussians, in the cloud's own frame. */
export async function writeLodSet(dir: string, cloud: SplatCloud): Promise<WrittenLodSet> {
  const { order, leafStarts } = spatialOrder(cloud.positions, LEAF_SIZE);
  const levels = [selectGaussians(cloud, order)];
  for (let level = 1; level <= COARSER_LEVELS; level++) {
    levels.push(mergeGaussians(levels[level - 1] as SplatCloud, MERGED));
  }
  const leaves = leafStarts.slice(0, -1).map((start, i) => ({ start, end: leafStarts[i + 1] as number }));
  const filenames: string[] = [];
  const places: LodFile[][] = [];
  const fileSize = Math.max(FILE_SIZE, Math.ceil(cloud.count / MAX_FILES));
  for (const [level, gaussians] of levels.entries()) {
    const ranges = leaves.map((leaf) => rangeAt(leaf, level));
    const files = groupsOf(ranges, fileSize);
    places.push(files.flatMap((file, i) => placesIn(file, filenames.length + i)));
    for (const [i, file] of files.entries()) {
      const name = `lod-${level}-${i}.sog`;
      const part = sliceOf(gaussians, file[0]?.start ?? 0, file.at(-1)?.end ?? 0);
      await writeSog(join(dir, name), part, { isOrdered: true, centroids: centroidsFor(part.count) });
      filenames.push(name);
    }
  }
  const nodes = leaves.map((leaf, i): LodNode => {
    const lods = Object.fromEntries(places.map((files, level) => [level, files[i] as LodFile]));
    return {
      bound: unionOf(levels.map((gaussians, level) => boundOf(gaussians, rangeAt(leaf, level)))),
      lods,
    };
  });
  const counts = levels.map(({ count }) => count);
  const meta: LodMeta = {
    version: 1,
    asset: { generator: "Splatt" },
    count: counts.reduce((sum, count) => sum + count, 0),
    counts,
    lodLevels: levels.length,
    filenames,
    tree: { bound: unionOf(nodes.map(({ bound }) => bound)), children: nodes },
  };
  await writeFile(join(dir, LOD_META_FILE), JSON.stringify(meta));
  return { files: [LOD_META_FILE, ...filenames], levels: levels.map((level) => sampleOf(level)) };
}

/** More than a .sog of all gaussians has for each, but not as many in every file. */
function centroidsFor(count: number): number {
  return Math.max(1024, Math.ceil(count / GAUSSIANS_PER_CENTROID));
}

/** Where a range of the finest level is at a coarser one. */
function rangeAt({ start, end }: Range, level: number): Range {
  const group = MERGED ** level;
  return { start: start / group, end: Math.ceil(end / group) };
}

/** Consecutive ranges, at most `size` gaussians together, or one range. */
function groupsOf(ranges: readonly Range[], size: number): Range[][] {
  const groups: Range[][] = [];
  for (const range of ranges) {
    const last = groups.at(-1);
    if (last !== undefined && range.end - (last[0]?.start ?? 0) <= size) last.push(range);
    else groups.push([range]);
  }
  return groups;
}

function placesIn(ranges: readonly Range[], file: number): LodFile[] {
  const first = ranges[0]?.start ?? 0;
  return ranges.map(({ start, end }) => ({ file, offset: start - first, count: end - start }));
}

function sliceOf(cloud: SplatCloud, start: number, end: number): SplatCloud {
  const slice = (values: Float32Array) => {
    const width = values.length / cloud.count;
    return values.subarray(start * width, end * width);
  };
  return {
    count: end - start,
    shDegree: cloud.shDegree,
    positions: slice(cloud.positions),
    logScales: slice(cloud.logScales),
    rotations: slice(cloud.rotations),
    opacities: slice(cloud.opacities),
    dc: slice(cloud.dc),
    rest: slice(cloud.rest),
  };
}

/** The box around the gaussians, each to its standard deviation. */
function boundOf(cloud: SplatCloud, { start, end }: Range): LodBound {
  const bound = emptyBound();
  for (let i = start; i < end; i++) {
    const [xx, , , yy, , zz] = covariance(cloud, i);
    for (const [axis, variance] of [xx, yy, zz].entries()) {
      const [center, reach] = [cloud.positions[3 * i + axis] as number, Math.sqrt(variance ?? 0)];
      bound.min[axis] = Math.min(bound.min[axis] as number, center - reach);
      bound.max[axis] = Math.max(bound.max[axis] as number, center + reach);
    }
  }
  return bound;
}

function unionOf(bounds: readonly LodBound[]): LodBound {
  const union = emptyBound();
  for (const { min, max } of bounds) {
    for (const axis of [0, 1, 2] as const) {
      union.min[axis] = Math.min(union.min[axis], min[axis]);
      union.max[axis] = Math.max(union.max[axis], max[axis]);
    }
  }
  return union;
}

function emptyBound(): LodBound {
  const [low, high] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  return { min: [high, high, high], max: [low, low, low] };
}
