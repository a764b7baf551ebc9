import { CHUNK, UNIFORM } from "../kernels/memory-layout.ts";
import { orderByDepth } from "../scene/tiles.ts";
import type { Iteration, Workspace } from "../scene/workspace.ts";
import { sumCameraGradient } from "./camera-gradient.ts";

/*
 * One iteration as a sequence of passes. The tasks of a pass may run concurrently and in any order, and no two
 * tasks add to the same number, so the result does not depend on the threads.
 */

export const PASSES = [
  "project",
  "sort",
  "binTiles",
  "blend",
  "ssim",
  "lossBackward",
  "blendBackward",
  "update",
] as const;
/** In the place of `update`, the gradient of the camera alone: the gaussians stay as they are. */
export const CAMERA_PASS = "cameraBackward";
export type Pass = (typeof PASSES)[number] | typeof CAMERA_PASS;
export const ALL_PASSES: readonly Pass[] = [...PASSES, CAMERA_PASS];

/** Image rows per task. */
const BAND_ROWS = 16;

export function taskCount(pass: Pass, iteration: Iteration): number {
  const { count, grid, height } = iteration;
  switch (pass) {
    case "project":
    case "update":
    case "cameraBackward":
      return Math.ceil(count / CHUNK);
    case "sort":
      // The photo is unpacked in parallel with sorting.
      return 1 + Math.ceil(height / BAND_ROWS);
    case "binTiles":
      return 2;
    case "blend":
    case "blendBackward":
      return grid.rows * grid.columns;
    case "ssim":
    case "lossBackward":
      return Math.ceil(height / BAND_ROWS);
  }
}

/** Runs one task of a pass. `visible` is the result of the pass `sort`. */
export function runTask(
  workspace: Workspace,
  pass: Pass,
  task: number,
  thread: number,
  iteration: Iteration,
  visible: number,
): number {
  const { kernels, layout, tiles } = workspace;
  const { count, shDegree, grid, height } = iteration;
  const scratch = layout.threadScratch + thread * layout.threadScratchBytes;
  const chunk = task * CHUNK;
  const endOfChunk = Math.min(chunk + CHUNK, Math.ceil(count / 4) * 4);
  const row = task * BAND_ROWS;
  const endRow = Math.min(row + BAND_ROWS, height);
  switch (pass) {
    case "project":
      kernels.project[shDegree]?.(chunk, endOfChunk);
      break;
    case "sort":
      if (task === 0) return orderByDepth(tiles, grid.columns * grid.rows, count, kernels.countPairs);
      kernels.loadTarget(row - BAND_ROWS, Math.min(row, height));
      break;
    case "binTiles":
      binHalf(workspace, grid.columns * grid.rows, visible, task === 0 ? "near" : "far");
      break;
    case "blend":
      kernels.blend(task, scratch + layout.tileState);
      break;
    case "ssim":
      kernels.ssim(row, endRow, scratch + layout.ssimRows);
      break;
    case "lossBackward":
      kernels.lossBackward(row, endRow, scratch + layout.ssimRows);
      break;
    case "blendBackward":
      kernels.blendBackward(task, scratch + layout.tileState);
      break;
    case "update":
      kernels.projectBackward[shDegree]?.(chunk, endOfChunk, scratch + layout.chunkGradient);
      // Before the gaussians move.
      if (workspace.uniforms.ints[UNIFORM.movesCamera] === 1)
        sumCameraGradient(workspace, task, thread, count);
      kernels.adam[shDegree]?.(chunk, endOfChunk, scratch + layout.chunkGradient);
      break;
    case "cameraBackward":
      kernels.projectBackward[shDegree]?.(chunk, endOfChunk, scratch + layout.chunkGradient);
      sumCameraGradient(workspace, task, thread, count);
      break;
  }
  return 0;
}

/**
 * The nearer half of the gaussians fills every tile's range of pairs from its beginning, the farther half
 * from its end, so that two threads can bin concurrently.
 */
function binHalf(workspace: Workspace, tiles: number, visible: number, half: "near" | "far"): void {
  const { kernels, layout } = workspace;
  const near = visible >> 1;
  if (half === "near") kernels.binTiles(0, near, 1, layout.binCursors, 0);
  else kernels.binTiles(visible - 1, visible - near, -1, layout.binCursors + 4 * tiles, -1);
}
