import { type MovingReport, ok, type Result } from "@splatt/shared";
import { unproject } from "./camera-models.ts";
import type { ColmapModel } from "./colmap-model.ts";
import { type ImageMatches, readMatchesOfNeighbours } from "./feature-database.ts";
import { pointsByFeature, type View, viewsById } from "./observations.ts";
import { apply, cross, dot, multiply, subtract, transpose, type Vector3 } from "./vectors.ts";

/*
 * What moves in a capture. The solved cameras predict on which line of another picture a feature appears. Wrong matches
 * miss their line here and there; a thing that moves misses it with all of its features, in the same direction,
 * wherever in the picture it is, and has no points of the model.
 */

/** How many neighbours a picture is compared with: those that match best, which are near in time and place. */
const NEIGHBOURS = 6;
/** A match contradicts the cameras when it misses its line by more than this many pixels, and share of the diagonal. */
const MISS = { pixels: 6, share: 0.006 };
/** Matches within this share of the diagonal, displaced alike, support each other. */
const NEAR = 0.06;
/** How alike: a share of the diagonal, and of the displacement. */
const ALIKE = { diagonal: 0.008, displacement: 0.15 };
const MIN_SUPPORT = 3;
/** Pictures are divided into this many cells along their longer side. */
const CELLS = 16;
/**
 * A cell moves when it has this many moving features, seen to move against this many pictures, and more than still
 * ones.
 */
const MIN_FEATURES = 3;
const MIN_PICTURES = 2;

/** How much of a picture moves. */
export interface MovingPart {
  /** The image's name. */
  readonly name: string;
  /** 0–1 */
  readonly share: number;
}

/**
 * Of each image of the model, the share that moves against the scene.
 *
 * @returns or why the database cannot be read
 */
export function movingParts(model: ColmapModel, database: string): Result<MovingPart[], string> {
  const views = viewsById(model);
  const read = readMatchesOfNeighbours(database, new Set(views.keys()), NEIGHBOURS);
  if (!read.ok) return read;
  const pointOf = pointsByFeature(model);
  /** By image and feature: the images against which it moves. */
  const moving = new Map<number, Map<number, Set<number>>>();
  const note = (image: number, feature: number, against: number) => {
    const features = moving.get(image) ?? new Map<number, Set<number>>();
    moving.set(image, features.set(feature, (features.get(feature) ?? new Set()).add(against)));
  };
  for (const { first, second, features } of read.value) {
    const [a, b] = [views.get(first), views.get(second)];
    if (a === undefined || b === undefined) continue;
    for (const [one, other] of contradicting(a, b, { first, second, features })) {
      note(first, one, second);
      note(second, other, first);
    }
  }
  return ok(
    model.images.flatMap(({ id, name }) => {
      const view = views.get(id);
      if (view === undefined) return [];
      return [{ name, share: movingShare(view, moving.get(id) ?? new Map(), pointOf.get(id) ?? new Map()) }];
    }),
  );
}

/** Less of a picture than this is noise. */
const LEAST_SHARE = 0.015;
/** And so are moving parts in fewer frames, or in a smaller share of them. */
const LEAST_FRAMES = { count: 3, share: 0.05 };
const MOST_LISTED = 16;

/**
 * @param parts see `movingParts`
 * @param names of all frames, in order
 * @param sources what images were made from, by the images' names
 * @returns null where nothing moves
 */
export function movingReport(
  parts: readonly MovingPart[],
  names: readonly string[],
  sources: ReadonlyMap<string, { readonly photo?: string }>,
): MovingReport | null {
  const moving = parts.filter(({ share }) => share >= LEAST_SHARE);
  if (moving.length < Math.max(LEAST_FRAMES.count, LEAST_FRAMES.share * parts.length)) return null;
  const rounded = (share: number) => Math.round(1000 * share) / 1000;
  const most = moving.toSorted((a, b) => b.share - a.share).slice(0, MOST_LISTED);
  return {
    frames: moving.length,
    share: rounded(moving.reduce((sum, { share }) => sum + share, 0) / parts.length),
    most: most
      .map(({ name, share }) => {
        const photo = sources.get(name)?.photo;
        return {
          frame: names.indexOf(name) + 1,
          ...(photo === undefined ? {} : { photo }),
          share: rounded(share),
        };
      })
      .toSorted((a, b) => a.frame - b.frame),
  };
}

interface Displaced {
  readonly features: readonly [number, number];
  readonly at: readonly [number, number];
  readonly by: readonly [number, number];
}

/** The matches that contradict the cameras together with others near them. */
function contradicting(a: View, b: View, { features }: ImageMatches): (readonly [number, number])[] {
  const diagonal = Math.hypot(a.lens.width, a.lens.height);
  const limit = Math.max(MISS.pixels, MISS.share * diagonal);
  const miss = missesBetween(a, b);
  const displaced: Displaced[] = [];
  for (let i = 0; i < features.length; i += 2) {
    const pair = [features[i] ?? 0, features[i + 1] ?? 0] as const;
    const [from, to] = [featureAt(a, pair[0]), featureAt(b, pair[1])];
    if (from === null || to === null || miss(from, to) <= limit) continue;
    displaced.push({ features: pair, at: from, by: [to[0] - from[0], to[1] - from[1]] });
  }
  return displaced.filter((one) => isSupported(one, displaced, diagonal)).map(({ features: pair }) => pair);
}

function isSupported({ at, by }: Displaced, others: readonly Displaced[], diagonal: number): boolean {
  const alike = ALIKE.diagonal * diagonal + ALIKE.displacement * Math.hypot(...by);
  let support = -1;
  for (const other of others) {
    if (Math.hypot(other.at[0] - at[0], other.at[1] - at[1]) > NEAR * diagonal) continue;
    if (Math.hypot(other.by[0] - by[0], other.by[1] - by[1]) <= alike) support++;
    if (support >= MIN_SUPPORT) return true;
  }
  return false;
}

function featureAt({ image: { features } }: View, feature: number): readonly [number, number] | null {
  const [x, y] = [features[2 * feature], features[2 * feature + 1]];
  return x === undefined || y === undefined ? null : [x, y];
}

/**
 * By how many pixels of the second picture two places miss showing one point: Sampson's distance from the epipolar
 * line.
 */
function missesBetween(a: View, b: View) {
  const rotation = multiply(b.rotation, transpose(a.rotation));
  const shift = subtract(b.image.translation, apply(rotation, a.image.translation));
  const focal = (b.lens.fx + b.lens.fy) / 2;
  return (from: readonly [number, number], to: readonly [number, number]): number => {
    const turned = apply(rotation, unproject(a.lens, from));
    const p: Vector3 = unproject(b.lens, to);
    // The essential matrix is [shift]× · rotation; its line in the second picture, and in the first as turned.
    const line = cross(shift, turned);
    const back = cross(p, shift);
    const slope = Math.hypot(line[0], line[1], back[0], back[1]);
    return slope > 0 ? (focal * Math.abs(dot(p, line))) / slope : 0;
  };
}

function movingShare(
  view: View,
  moving: ReadonlyMap<number, ReadonlySet<number>>,
  points: ReadonlyMap<number, number>,
): number {
  const { width, height } = view.lens;
  const side = Math.max(width, height) / CELLS;
  const [columns, rows] = [Math.ceil(width / side), Math.ceil(height / side)];
  const cells = Array.from({ length: columns * rows }, () => ({
    still: 0,
    moving: 0,
    against: new Set<number>(),
  }));
  const cellOf = (feature: number) => {
    const [x, y] = featureAt(view, feature) ?? [-1, -1];
    return cells[Math.floor(y / side) * columns + Math.floor(x / side)];
  };
  for (const feature of points.keys()) {
    const cell = cellOf(feature);
    if (cell !== undefined) cell.still++;
  }
  for (const [feature, images] of moving) {
    const cell = points.has(feature) ? undefined : cellOf(feature);
    if (cell === undefined) continue;
    cell.moving++;
    for (const image of images) cell.against.add(image);
  }
  const moved = cells.filter(
    (cell) => cell.moving >= MIN_FEATURES && cell.moving > cell.still && cell.against.size >= MIN_PICTURES,
  );
  return moved.length / cells.length;
}
