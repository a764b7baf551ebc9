import type { PinholeCamera } from "@splatt/cpu-trainer";
import { cellAt, middleOf, placeOf, type SurfaceGrid, type Vector } from "./surface-grid.ts";

/** Surface in a cell, in faces of a cell, from which on it hides what is behind it. */
const OPAQUE_AREA = 0.5;
/** Cells about the one looked at that do not hide it: a surface seen at a low angle passes through its neighbours. */
const NEAR_CELLS = 1;

/** Whether a camera sees a cell's surface: within its picture, and nothing in between. */
export function seesCell(grid: SurfaceGrid, camera: PinholeCamera, cell: number): boolean {
  const target = middleOf(grid, cell);
  return projected(camera, target) !== null && isInSight(grid, camera.position, cell, target);
}

/** Where a camera's picture shows a point, and its depth; null outside the picture. */
export function projected(
  camera: PinholeCamera,
  [x, y, z]: Vector,
): { readonly column: number; readonly row: number; readonly depth: number } | null {
  const { rotation: r, translation: t, focalX, focalY, centerX, centerY, width, height } = camera;
  const along = (axis: 0 | 1 | 2) =>
    (r[3 * axis] as number) * x + (r[3 * axis + 1] as number) * y + (r[3 * axis + 2] as number) * z + t[axis];
  const depth = along(2);
  if (!(depth > 0)) return null;
  const column = (along(0) / depth) * focalX + centerX;
  const row = (along(1) / depth) * focalY + centerY;
  return column >= 0 && row >= 0 && column < width && row < height ? { column, row, depth } : null;
}

/** Follows the line from a point to a cell, half a cell at a time. */
function isInSight(grid: SurfaceGrid, from: Vector, cell: number, target: Vector): boolean {
  const [x, y, z] = placeOf(grid, cell);
  const [dx, dy, dz] = [target[0] - from[0], target[1] - from[1], target[2] - from[2]];
  const steps = Math.ceil((2 * Math.hypot(dx, dy, dz)) / grid.size);
  for (let step = 1; step < steps; step++) {
    const share = step / steps;
    const passed = cellAt(grid, [from[0] + share * dx, from[1] + share * dy, from[2] + share * dz]);
    if (passed === null || (grid.area[passed] as number) < OPAQUE_AREA) continue;
    const [px, py, pz] = placeOf(grid, passed);
    const apart = Math.max(Math.abs(px - x), Math.abs(py - y), Math.abs(pz - z));
    if (apart > NEAR_CELLS) return false;
  }
  return true;
}
