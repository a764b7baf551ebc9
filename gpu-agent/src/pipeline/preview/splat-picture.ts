import { Worker } from "node:worker_threads";
import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import type { PictureTask } from "./splat-picture-worker.ts";

/**
 * Renders a splat itself, from the frame's camera that shows the subject best.
 *
 * @param splatFile a PLY with spherical harmonics
 * @param transformsFile the transforms.json in whose frame it is
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
  const worker = new Worker(new URL("./splat-picture-worker.ts", import.meta.url), { workerData: task });
  const stop = () => void worker.terminate();
  signal.addEventListener("abort", stop);
  return new Promise<Result<Uint8Array, Failure>>((resolve) => {
    worker.once("message", (picture: Uint8Array) => resolve(ok(picture)));
    worker.once("error", (error) => resolve(err(failure("export_failed", String(error)))));
    worker.once("exit", () => resolve(err(failure("agent_stopped", ""))));
  }).finally(() => signal.removeEventListener("abort", stop));
}
