import { CHUNK, PARAM } from "../kernels/memory-layout.ts";
import { SH_C0 } from "../kernels/spherical-harmonics.ts";
import type { SeedPoints } from "./initialisation.ts";
import type { Workspace } from "./workspace.ts";

/** The opacity parameter of an empty slot: far below the visible range. */
export const NO_OPACITY = -30;

/** The minimum initial scale of a gaussian: sparse points can coincide. */
const SMALLEST_SCALE = 1e-4;

export function logit(opacity: number): number {
  return Math.log(opacity / (1 - opacity));
}

export function sigmoid(value: number): number {
  return 1 / (1 + Math.exp(-value));
}

/** Fills the parameter table from points: round gaussians of one opacity. */
export function initialiseGaussians(workspace: Workspace, points: SeedPoints, opacity: number): void {
  const { params } = workspace;
  const row = (index: number) => params[index] as Float32Array;
  for (let i = 0; i < points.count; i++) {
    const logScale = Math.log(Math.max(SMALLEST_SCALE, points.scales[i] as number));
    for (let axis = 0; axis < 3; axis++) {
      row(PARAM.mean + axis)[i] = points.positions[3 * i + axis] as number;
      row(PARAM.logScale + axis)[i] = logScale;
      row(PARAM.sh + axis)[i] = ((points.colors[3 * i + axis] as number) - 0.5) / SH_C0;
    }
    row(PARAM.rotation)[i] = 1;
    row(PARAM.opacity)[i] = logit(opacity);
  }
  clearSlots(workspace, points.count);
}

/** Clears the slots from `count` to the end of its chunk, so that kernels can process whole vectors. */
export function clearSlots(workspace: Workspace, count: number): void {
  const end = Math.ceil(count / CHUNK) * CHUNK;
  for (const table of [workspace.params, workspace.moments1, workspace.moments2]) {
    for (const row of table) row.fill(0, count, end);
  }
  (workspace.params[PARAM.opacity] as Float32Array).fill(NO_OPACITY, count, end);
}
