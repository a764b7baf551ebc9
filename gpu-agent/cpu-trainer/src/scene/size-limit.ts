import { PARAM } from "../kernels/memory-layout.ts";
import type { Workspace } from "./workspace.ts";

/** A position in world coordinates. */
export type Point = readonly [number, number, number];

/** More cameras tell hardly more about where cameras are. */
const MOST_POSITIONS = 64;

/** The positions of up to 64 of the cameras, evenly taken. */
export function samplePositions(cameras: readonly { readonly position: Point }[]): Point[] {
  const taken = Math.min(MOST_POSITIONS, cameras.length);
  const chosen = new Set(Array.from({ length: taken }, (_, i) => Math.floor((i * cameras.length) / taken)));
  return cameras.filter((_, i) => chosen.has(i)).map(({ position }) => position);
}

/**
 * Shortens the axes of gaussians that reach past the nearest camera. No surface is like that, and the projection, which
 * is linearised at the mean, shows such a gaussian as a veil over pictures that it is nowhere near: the training
 * cameras learn to live with it, and the pictures from others are ruined.
 *
 * @param cameras positions of the training cameras
 * @returns how many gaussians were changed
 */
export function limitSizes({ params }: Workspace, count: number, cameras: readonly Point[]): number {
  const row = (index: number) => params[index] as Float32Array;
  const [xs, ys, zs] = [row(PARAM.mean), row(PARAM.mean + 1), row(PARAM.mean + 2)];
  const logScales = [0, 1, 2].map((axis) => row(PARAM.logScale + axis));
  let changed = 0;
  for (let i = 0; i < count; i++) {
    const [x, y, z] = [xs[i] as number, ys[i] as number, zs[i] as number];
    let nearest = Number.POSITIVE_INFINITY;
    for (const [cx, cy, cz] of cameras) {
      nearest = Math.min(nearest, (x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2);
    }
    const limit = Math.fround(Math.max(SMALLEST_LOG_SCALE, 0.5 * Math.log(nearest)));
    let tooLong = false;
    for (const axis of logScales) {
      if ((axis[i] as number) <= limit || Number.isNaN(limit)) continue;
      axis[i] = limit;
      tooLong = true;
    }
    if (tooLong) changed++;
  }
  return changed;
}

/** Of a gaussian at a camera's very position. */
const SMALLEST_LOG_SCALE = -9;
