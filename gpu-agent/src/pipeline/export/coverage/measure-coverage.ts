import type { PinholeCamera } from "@splatt/cpu-trainer";
import type { SplatCloud } from "@splatt/formats";
import {
  type Coverage,
  type CoverageCell,
  type CoverageProblem,
  MAX_COVERAGE_CAMERAS,
  MAX_COVERAGE_CELLS,
} from "@splatt/shared";
import { evenly } from "../../evenly.ts";
import type { Photo } from "../check/photo.ts";
import { projected, seesCell } from "./line-of-sight.ts";
import { middleOf, placeOf, type SurfaceGrid, surfaceGrid, type Vector } from "./surface-grid.ts";

/** A camera of the capture. */
export interface CoverageView {
  readonly frame: string;
  readonly heldOut: boolean;
  readonly camera: PinholeCamera;
  /** The photo and the splat from the same camera, at the camera's size; null where they were not compared. */
  readonly compared: { readonly photo: Photo; readonly rendering: Uint8Array; readonly psnr: number } | null;
}

/** Surface in a cell, in faces of a cell: with less, it holds stray gaussians only. */
const LEAST_AREA = 0.1;
/** With fewer cameras, nothing confirms what the others show. */
const LEAST_CAMERAS = 3;
/** Seen under a smaller angle, the depth of a surface is a guess. */
const LEAST_SPREAD_DEGREES = 10;
/** dB on held-out views, below which a surface is wrong. */
const LEAST_PSNR = 18;

/** How well the cameras of a capture cover the surfaces of its splat. */
export function measureCoverage(cloud: SplatCloud, views: readonly CoverageView[]): Coverage {
  const grid = surfaceGrid(
    cloud,
    views.map(({ camera }) => camera.position),
  );
  const candidates = surfaceCells(grid);
  const shown = evenly(views, MAX_COVERAGE_CAMERAS);
  const seen = new Map(
    shown.map((view) => [view, candidates.filter((cell) => seesCell(grid, view.camera, cell))]),
  );
  const watchers = Map.groupBy(
    [...seen].flatMap(([view, sees]) => sees.map((cell) => ({ view, cell }))),
    ({ cell }) => cell,
  );
  // A cell that no camera sees is hidden inside an object, or is noise.
  const cells = candidates.filter((cell) => watchers.has(cell));
  const total = cells.reduce((sum, cell) => sum + (grid.area[cell] as number), 0);
  const weightOf = (cell: number) => (grid.area[cell] as number) / total;

  const measured = new Map<number, CoverageCell>();
  for (const cell of cells) {
    const all = (watchers.get(cell) ?? []).map(({ view }) => view);
    const directions = all
      .filter(({ heldOut }) => !heldOut)
      .map(({ camera }) => directionTo(camera.position, middleOf(grid, cell)));
    const spread = spreadDegrees(directions);
    const psnr = psnrOfCell(grid, cell, all);
    measured.set(cell, {
      at: placeOf(grid, cell),
      weight: rounded(weightOf(cell), 5),
      cameras: directions.length,
      compass: compassOf(directions),
      spread_degrees: rounded(spread, 1),
      psnr: psnr === null ? null : rounded(psnr, 1),
      problem: problemOf(directions.length, spread, psnr),
    });
  }
  const badShare = (some: readonly number[]) => {
    const [bad, all] = [some.filter((cell) => measured.get(cell)?.problem !== null), some].map((list) =>
      list.reduce((sum, cell) => sum + weightOf(cell), 0),
    );
    return rounded(Math.min(1, (bad ?? 0) / (all || 1)), 3);
  };
  return {
    version: 1,
    grid: {
      origin: grid.origin.map((value) => rounded(value, 4)) as [number, number, number],
      size: rounded(grid.size, 5),
      counts: [...grid.counts],
    },
    cells: [...measured.values()],
    cameras: shown.map((view) => {
      const { frame, heldOut, camera, compared } = view;
      const sees = seen.get(view) ?? [];
      return {
        frame,
        held_out: heldOut,
        position: camera.position.map((value) => rounded(value, 4)) as [number, number, number],
        direction: [6, 7, 8].map((at) => rounded(camera.rotation[at] ?? 0, 3)) as [number, number, number],
        cells: sees.length,
        badly_covered: badShare(sees),
        psnr: compared === null ? null : rounded(compared.psnr, 1),
      };
    }),
    badly_covered: badShare(cells),
  };
}

/** The cells that hold a surface: those with the most of it, where there are too many. */
function surfaceCells({ area }: SurfaceGrid): number[] {
  return Array.from(area.keys())
    .filter((cell) => (area[cell] as number) >= LEAST_AREA)
    .sort((a, b) => (area[b] as number) - (area[a] as number))
    .slice(0, MAX_COVERAGE_CELLS)
    .sort((a, b) => a - b);
}

function problemOf(cameras: number, spread: number, psnr: number | null): CoverageProblem | null {
  if (cameras < LEAST_CAMERAS) return "few_cameras";
  if (spread < LEAST_SPREAD_DEGREES) return "one_side";
  return psnr !== null && psnr < LEAST_PSNR ? "differs" : null;
}

/** The unit vector from a cell to a camera. */
function directionTo(camera: Vector, cell: Vector): Vector {
  const [x, y, z] = [camera[0] - cell[0], camera[1] - cell[1], camera[2] - cell[2]];
  const length = Math.hypot(x, y, z) || 1;
  return [x / length, y / length, z / length];
}

function spreadDegrees(directions: readonly Vector[]): number {
  let least = 1;
  for (const [index, a] of directions.entries()) {
    for (const b of directions.slice(index + 1)) {
      least = Math.min(least, a[0] * b[0] + a[1] * b[1] + a[2] * b[2]);
    }
  }
  return (180 / Math.PI) * Math.acos(Math.max(-1, least));
}

function compassOf(directions: readonly Vector[]): number {
  return directions.reduce((mask, [x, y]) => {
    const eighth = Math.floor((4 * Math.atan2(y, x)) / Math.PI + 8) % 8;
    return mask | (1 << eighth);
  }, 0);
}

/** Over the squares that a cell covers in the pictures that show it; null when none does. */
function psnrOfCell(grid: SurfaceGrid, cell: number, views: readonly CoverageView[]): number | null {
  let [squares, count] = [0, 0];
  for (const { camera, compared } of views) {
    const at = projected(camera, middleOf(grid, cell));
    if (compared === null || at === null) continue;
    const half = Math.max(1, (0.5 * grid.size * camera.focalX) / at.depth);
    const [left, right] = [at.column - half, at.column + half].map((x) => clamped(x, camera.width));
    const [top, bottom] = [at.row - half, at.row + half].map((y) => clamped(y, camera.height));
    const { photo, rendering } = compared;
    for (let y = top ?? 0; y <= (bottom ?? 0); y++) {
      for (let x = left ?? 0; x <= (right ?? 0); x++) {
        const pixel = y * camera.width + x;
        if (photo.valid[pixel] === 0) continue;
        for (let i = 3 * pixel; i < 3 * pixel + 3; i++) {
          squares += ((photo.pixels[i] as number) - (rendering[i] as number)) ** 2;
        }
        count += 3;
      }
    }
  }
  return count === 0 ? null : 10 * Math.log10(255 ** 2 / Math.max(squares / count, 1 / 12));
}

/** The index of the pixel at a place in a row or column of `count` pixels, or of the nearest one. */
function clamped(value: number, count: number): number {
  return Math.max(0, Math.min(count - 1, Math.floor(value)));
}

function rounded(value: number, digits: number): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}
