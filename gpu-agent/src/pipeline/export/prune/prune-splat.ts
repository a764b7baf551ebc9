import type { Failure, Result } from "@splatt/shared";
import { runRenderWorker } from "../../render-worker.ts";

export interface PruneTask {
  /** A PLY with spherical harmonics. */
  readonly splatFile: string;
  /** The transforms.json in whose frame the splat is. */
  readonly transformsFile: string;
  /** The folder that the names of its photos and points are relative to. */
  readonly photosDir: string;
}

export interface Pruned {
  /** Indices of the gaussians to leave out. */
  readonly removed: readonly number[];
  /** Mean PSNR of renderings of held-out frames, in decibels, with and without them; null without held-out frames. */
  readonly before: number | null;
  readonly after: number | null;
}

/**
 * Finds floaters and far fog that can go without making held-out frames worse.
 *
 * @returns or `export_failed`, or `agent_stopped` when the signal was aborted
 */
export function pruneSplat(task: PruneTask, signal: AbortSignal): Promise<Result<Pruned, Failure>> {
  return runRenderWorker(new URL("./prune-worker.ts", import.meta.url), task, signal);
}
