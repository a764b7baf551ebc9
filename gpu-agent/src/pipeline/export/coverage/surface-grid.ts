import type { SplatCloud } from "@splatt/formats";

/*
 * A splat as a grid of cubes, each with the area of the surface in it. Coarse enough to ask of every cell and camera
 * whether the one sees the other.
 */

export type Vector = readonly [x: number, y: number, z: number];

/** Along the longest side. */
const CELLS_ALONG = 24;
/** The share of gaussians beyond each side of the grid: far background and floaters. */
const BEYOND = 0.05;
/** The farthest camera is at distance 1 from the origin. What is farther than this is background. */
const FARTHEST = 4;
const LEAST_OPACITY = 0.1;

export interface SurfaceGrid {
  readonly origin: Vector;
  /** Of a cell, along each axis. */
  readonly size: number;
  readonly counts: Vector;
  /** Of each cell, the area of the surface in it, in faces of a cell. By x, then y, then z. */
  readonly area: Float32Array;
  /** Of each cell, the middle of its surface: x, y, z. */
  readonly middle: Float32Array;
}

export function surfaceGrid(cloud: SplatCloud, cameras: readonly Vector[]): SurfaceGrid {
  const visible = Array.from({ length: cloud.count }, (_, i) => i).filter(
    (i) => opacityOf(cloud, i) >= LEAST_OPACITY,
  );
  const bounds = ([0, 1, 2] as const).map((axis) => {
    const values = Float32Array.from(visible, (i) => cloud.positions[3 * i + axis] as number).sort();
    const at = (share: number) => values[Math.floor(share * (values.length - 1))] ?? 0;
    const stands = cameras.map((position) => position[axis]);
    return {
      from: Math.min(...stands, Math.max(-FARTHEST, at(BEYOND))),
      to: Math.max(...stands, Math.min(FARTHEST, at(1 - BEYOND))),
    };
  });
  const size = Math.max(1e-3, ...bounds.map(({ from, to }) => to - from)) / (CELLS_ALONG - 1);
  // Half a cell of room on each side, so that what is at the border is inside.
  const origin = bounds.map(({ from }) => from - size / 2) as unknown as Vector;
  const counts = bounds.map(({ from, to }) => Math.ceil((to - from) / size + 0.5) + 1) as unknown as Vector;
  const cells = counts[0] * counts[1] * counts[2];
  const [area, middle] = [new Float32Array(cells), new Float32Array(3 * cells)];
  const grid = { origin, size, counts, area, middle };
  for (const i of visible) {
    const position = cloud.positions.subarray(3 * i, 3 * i + 3) as unknown as Vector;
    const cell = cellAt(grid, position);
    if (cell === null) continue;
    // A gaussian larger than its cell shows in the cell no more than a face of it.
    const share = Math.min(1, opacityOf(cloud, i) * (crossSection(cloud, i) / size ** 2));
    area[cell] = (area[cell] as number) + share;
    for (const axis of [0, 1, 2] as const) {
      middle[3 * cell + axis] = (middle[3 * cell + axis] as number) + share * position[axis];
    }
  }
  for (let i = 0; i < middle.length; i++) {
    middle[i] = (middle[i] as number) / ((area[Math.floor(i / 3)] as number) || 1);
  }
  return grid;
}

/** The index of the cell around a point; null outside the grid. */
export function cellAt(
  { origin, size, counts }: Pick<SurfaceGrid, "origin" | "size" | "counts">,
  point: Vector,
): number | null {
  const x = Math.floor((point[0] - origin[0]) / size);
  const y = Math.floor((point[1] - origin[1]) / size);
  const z = Math.floor((point[2] - origin[2]) / size);
  if (!(x >= 0 && y >= 0 && z >= 0 && x < counts[0] && y < counts[1] && z < counts[2])) return null;
  return x + counts[0] * (y + counts[1] * z);
}

/** A cell's place along x, y and z. */
export function placeOf({ counts }: Pick<SurfaceGrid, "counts">, cell: number): [number, number, number] {
  const row = Math.floor(cell / counts[0]);
  return [cell % counts[0], row % counts[1], Math.floor(row / counts[1])];
}

export function middleOf({ middle }: Pick<SurfaceGrid, "middle">, cell: number): Vector {
  return [middle[3 * cell] as number, middle[3 * cell + 1] as number, middle[3 * cell + 2] as number];
}

function opacityOf(cloud: SplatCloud, i: number): number {
  return 1 / (1 + Math.exp(-(cloud.opacities[i] as number)));
}

/** Of the ellipsoid at one standard deviation, across its two longest axes. */
function crossSection(cloud: SplatCloud, i: number): number {
  const scales = cloud.logScales.subarray(3 * i, 3 * i + 3);
  const [a = 0, b = 0, c = 0] = scales;
  return Math.PI * Math.exp(a + b + c - Math.min(a, b, c));
}
