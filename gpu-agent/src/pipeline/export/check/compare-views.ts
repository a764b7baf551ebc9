import type { Failure, Result } from "@splatt/shared";
import { runRenderWorker } from "../../render-worker.ts";
import type { ComparisonTask } from "./comparison-task.ts";
import type { ViewComparison } from "./doubt-psnr.ts";

/**
 * Renders a splat from some held-out cameras and their neighbouring training cameras, and compares with the photos.
 *
 * @returns or `export_failed`, or `agent_stopped` when the signal was aborted
 */
export function compareViews(
  task: ComparisonTask,
  signal: AbortSignal,
): Promise<Result<ViewComparison, Failure>> {
  return runRenderWorker(new URL("./compare-views-worker.ts", import.meta.url), task, signal);
}
