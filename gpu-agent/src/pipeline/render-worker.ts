import { Worker } from "node:worker_threads";
import { err, type Failure, failure, ok, type Result } from "@splatt/shared";

/**
 * Runs a worker thread that posts one message, its result, and ends. Rendering keeps a core busy for seconds: too long
 * for the agent's main thread.
 *
 * @returns the message, `export_failed`, or `agent_stopped` when the signal was aborted
 */
export function runRenderWorker<T>(
  script: URL,
  task: unknown,
  signal: AbortSignal,
): Promise<Result<T, Failure>> {
  if (signal.aborted) return Promise.resolve(err(failure("agent_stopped", "")));
  const worker = new Worker(script, { workerData: task });
  const stop = () => void worker.terminate();
  signal.addEventListener("abort", stop);
  return new Promise<Result<T, Failure>>((resolve) => {
    worker.once("message", (message: T) => resolve(ok(message)));
    worker.once("error", (error) => resolve(err(failure("export_failed", String(error)))));
    worker.once("exit", () => resolve(err(failure("agent_stopped", ""))));
  }).finally(() => signal.removeEventListener("abort", stop));
}
