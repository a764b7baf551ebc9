import { project } from "../../poses/camera-models.ts";
import type { ColmapModel, ColmapPoint } from "../../poses/colmap-model.ts";
import { cameraPose } from "../../poses/normalize.ts";
import { inCamera, viewsById } from "../../poses/observations.ts";
import { dot, scale, subtract, type Vector3 } from "../../poses/vectors.ts";
import type { Photo, Size } from "./photo.ts";

/*
 * What stands before the scene in single frames, such as a person who walks by. Its features match nothing, so the solved
 * cameras contradict none. But points that neighbouring frames see are missing behind it, and the splat, which shows
 * what most frames agree on, shows something else in its place. What always hides the points is in the splat.
 */

/** Pictures are divided into this many cells along their longer side. */
const CELLS = 12;
/** A frame should see a point when two others see it, from directions within this angle and distances within this ratio. */
const SIMILAR = { frames: 2, cosine: Math.cos((25 * Math.PI) / 180), ratio: 1.5 };
/** Points of fewer observations may be wrong. */
const MIN_OBSERVATIONS = 3;
/** Half of such points are not found again in an ordinary frame; of four, one or the other is. */
const MIN_POINTS = 4;
/** Of 255: how far a cell's mean colour in the photo is from that of the splat. */
const DIFFERENT = 12;

/** Points in a cell of a picture. */
export interface CellPoints {
  /** That the picture should show. */
  readonly expected: number;
  /** Of these, that were found in it. */
  readonly found: number;
}

/** @returns the points in each cell of an image, by its name, row by row; null for an image without a camera */
export function pointsInCells(model: ColmapModel): (name: string) => readonly CellPoints[] | null {
  const views = viewsById(model);
  const places = new Map(model.images.map((image) => [image.id, cameraPose(image).position]));
  const points = model.points
    .filter(({ track }) => track.length >= 2 * MIN_OBSERVATIONS)
    .map((point) => ({ position: point.position, observers: observersOf(point) }));
  return (name) => {
    const id = model.images.find((image) => image.name === name)?.id;
    const [view, place] = id === undefined ? [] : [views.get(id), places.get(id)];
    if (id === undefined || view === undefined || place === undefined) return null;
    const grid = gridOf(view.lens);
    const cells = Array.from({ length: grid.cells }, () => ({ expected: 0, found: 0 }));
    // The photo is compared undistorted.
    const lens = { ...view.lens, k1: 0, k2: 0, p1: 0, p2: 0 };
    for (const { position, observers } of points) {
      const pixel = project(lens, inCamera(view, position));
      const cell = pixel === null ? undefined : cells[grid.cellAt(pixel[0], pixel[1])];
      if (cell === undefined) continue;
      const similar = observers.filter((other) => {
        const from = places.get(other);
        return (
          other !== id &&
          from !== undefined &&
          areSimilar(subtract(position, place), subtract(position, from))
        );
      });
      if (similar.length < SIMILAR.frames) continue;
      cell.expected++;
      if (observers.includes(id)) cell.found++;
    }
    return cells;
  };
}

function observersOf({ track }: ColmapPoint): number[] {
  return [...new Set(track.filter((_, i) => i % 2 === 0))];
}

/** Whether a point looks about the same along two lines of sight. */
function areSimilar(one: Vector3, other: Vector3): boolean {
  const [a, b] = [Math.hypot(...one), Math.hypot(...other)];
  return (
    Math.max(a, b) < SIMILAR.ratio * Math.min(a, b) && dot(one, scale(other, 1 / (a * b))) > SIMILAR.cosine
  );
}

/** Whether a cell of a photo has none of its points, and a colour that the splat does not have there. */
export function isOccluded(
  points: readonly CellPoints[],
  photo: Photo,
  rendering: Uint8Array,
  size: Size,
): boolean {
  const differences = meanDifferences(photo, rendering, size);
  return points.some(
    ({ expected, found }, cell) =>
      expected >= MIN_POINTS && found === 0 && (differences[cell] ?? 0) > DIFFERENT,
  );
}

/** Of each cell, between the mean colours: the root mean square over the channels; 0 where half of the cell is missing. */
function meanDifferences({ pixels, valid }: Photo, rendering: Uint8Array, size: Size): number[] {
  const grid = gridOf(size);
  const cells = Array.from({ length: grid.cells }, () => ({ count: 0, sums: [0, 0, 0] }));
  for (let i = 0; i < size.width * size.height; i++) {
    const cell = cells[grid.cellAt(i % size.width, Math.floor(i / size.width))];
    if (cell === undefined || valid[i] === 0) continue;
    cell.count++;
    for (let c = 0; c < 3; c++) {
      cell.sums[c] = (cell.sums[c] ?? 0) + (pixels[3 * i + c] ?? 0) - (rendering[3 * i + c] ?? 0);
    }
  }
  return cells.map(({ count, sums }) =>
    count < grid.area / 2 ? 0 : Math.hypot(...sums) / count / Math.sqrt(3),
  );
}

function gridOf({ width, height }: Size) {
  const side = Math.max(width, height) / CELLS;
  const columns = Math.ceil(width / side);
  return {
    area: side ** 2,
    cells: columns * Math.ceil(height / side),
    /** −1 outside of the picture. */
    cellAt: (x: number, y: number) =>
      x < 0 || y < 0 || x >= width || y >= height
        ? -1
        : Math.floor(y / side) * columns + Math.floor(x / side),
  };
}
