import { Worker } from "node:worker_threads";
import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import type { ThumbnailTask } from "./thumbnail-worker.ts";

const LONG_SIDE = 640;

/** Renders the splat itself, from the frame's camera that shows the subject best, as a WebP. */
export function writeThumbnail(
  splatFile: string,
  transformsFile: string,
  target: string,
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  const task: ThumbnailTask = { splatFile, transformsFile, target, longSide: LONG_SIDE };
  const worker = new Worker(new URL("./thumbnail-worker.ts", import.meta.url), { workerData: task });
  const stop = () => void worker.terminate();
  signal.addEventListener("abort", stop);
  return new Promise<Result<void, Failure>>((resolve) => {
    worker.once("message", () => resolve(ok(undefined)));
    worker.once("error", (error) => resolve(err(failure("export_failed", String(error)))));
    worker.once("exit", () => resolve(err(failure("agent_stopped", ""))));
  }).finally(() => signal.removeEventListener("abort", stop));
}
