import type { Failure, Result } from "@splatt/shared";
import { runRenderWorker } from "../render-worker.ts";
import type { PictureTask } from "./splat-picture-worker.ts";

/**
 * Renders a splat from the frame's camera that shows the subject best.
 *
 * @param splatFile a PLY with spherical harmonics
 * @param transformsFile the transforms.json whose frame it is in
 * @param longSide of the picture, in pixels; it is never larger than the frames
 * @returns a WebP, or `export_failed`, or `agent_stopped` when the signal was aborted
 */
export function splatPicture(
  splatFile: string,
  transformsFile: string,
  longSide: number,
  signal: AbortSignal,
): Promise<Result<Uint8Array, Failure>> {
  const task: PictureTask = { splatFile, transformsFile, longSide };
  return runRenderWorker(new URL("./splat-picture-worker.ts", import.meta.url), task, signal);
}
