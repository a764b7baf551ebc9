import { evenly } from "../evenly.ts";
import { type BlockMeans, isRepeat } from "../frames/repeats.ts";
import { median } from "../median.ts";
import type { PhotoDetails } from "./exif.ts";

/** A decoded photo of an archive. */
export interface Photo {
  /** Its path in the archive. */
  readonly path: string;
  /** Pixels after turning upright, before scaling down. */
  readonly width: number;
  readonly height: number;
  readonly details: PhotoDetails;
  /** Of the picture scaled to `GREY`; see `sharpnessOf` and `blockMeans`. */
  readonly sharpness: number;
  readonly blocks: BlockMeans;
}

export interface ChosenPhotos {
  /** Indices into the photos, in the order of the frames. */
  readonly photos: readonly number[];
  /** Whether the order is that of taking them. */
  readonly order: "time" | "name";
  readonly repeats: number;
  readonly blurred: number;
  /** Much smaller than the others: thumbnails. */
  readonly small: number;
  /** Beyond the limit on frames. */
  readonly surplus: number;
}

/** Photos with fewer pixels than this share of the median are thumbnails. */
const SMALL_SHARE = 1 / 16;
/** A photo with less than this share of its neighbours' sharpness is blurred. */
const BLURRED_SHARE = 0.12;
/** The photos before and after one that count as its neighbours, on each side. */
const NEIGHBOURS = 4;
/** Beyond this share, soft photos are how the set is, not accidents. */
const MAX_BLURRED_SHARE = 0.25;
/** With times for this share of the photos, they are ordered by time. */
const MOST = 0.8;
/** Pictures of the same shape can be compared block by block. */
const SAME_SHAPE = 0.02;

/** Orders the photos, and leaves out the ones that add nothing. */
export function choosePhotos(
  photos: readonly Photo[],
  limits: { readonly minFrames: number; readonly maxFrames: number },
): ChosenPhotos {
  const { indices: ordered, order } = inOrder(photos);
  const at = (index: number) => photos[index] as Photo;
  const pixels = (index: number) => at(index).width * at(index).height;
  const usual = median(ordered.map(pixels));
  const large = ordered.filter((index) => pixels(index) >= SMALL_SHARE * usual);
  const fresh = withoutRepeats(large, at, pixels);
  const blurred = blurredAmong(fresh, at);
  const mayDrop =
    blurred.size <= MAX_BLURRED_SHARE * fresh.length && fresh.length - blurred.size >= limits.minFrames;
  const sharp = mayDrop ? fresh.filter((index) => !blurred.has(index)) : fresh;
  const chosen = evenly(sharp, limits.maxFrames);
  return {
    photos: chosen,
    order,
    repeats: large.length - fresh.length,
    blurred: fresh.length - sharp.length,
    small: ordered.length - large.length,
    surplus: sharp.length - chosen.length,
  };
}

/** By time where nearly all photos have one, else by name, with numbers in the order of their values. */
function inOrder(photos: readonly Photo[]): { indices: number[]; order: "time" | "name" } {
  const { compare } = new Intl.Collator("en", { numeric: true });
  const byName = photos
    .map((_, index) => index)
    .toSorted((a, b) => compare(photos[a]?.path ?? "", photos[b]?.path ?? "") || a - b);
  const times = photos.map(({ details }) => details.time);
  const known = times.filter((time) => time !== null);
  const areTimes = known.length >= MOST * photos.length && new Set(known).size > known.length / 2;
  if (!areTimes) return { indices: byName, order: "name" };
  // Photos without a time come last.
  const timeOf = (index: number) => times[index] ?? Number.MAX_SAFE_INTEGER;
  return { indices: byName.toSorted((a, b) => timeOf(a) - timeOf(b)), order: "time" };
}

/** Of photos that show the same picture, the largest. */
function withoutRepeats(
  indices: readonly number[],
  at: (index: number) => Photo,
  pixels: (index: number) => number,
): number[] {
  const kept: number[] = [];
  for (const index of indices.toSorted((a, b) => pixels(b) - pixels(a))) {
    const photo = at(index);
    const shape = photo.width / photo.height;
    const repeats = kept.some((other) => {
      const rival = at(other);
      const isAlike = Math.abs(rival.width / rival.height / shape - 1) < SAME_SHAPE;
      return isAlike && isRepeat(rival.blocks, photo.blocks);
    });
    if (!repeats) kept.push(index);
  }
  const keep = new Set(kept);
  return indices.filter((index) => keep.has(index));
}

function blurredAmong(indices: readonly number[], at: (index: number) => Photo): Set<number> {
  const blurred = indices.filter((index, i) => {
    const around = indices.slice(Math.max(0, i - NEIGHBOURS), i + NEIGHBOURS + 1);
    return at(index).sharpness < BLURRED_SHARE * median(around.map((other) => at(other).sharpness));
  });
  return new Set(blurred);
}
