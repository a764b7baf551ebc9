import { Worker } from "node:worker_threads";
import type { RenderReply, RenderTask, RenderWorkerData } from "./render-worker.ts";

/** Rendering threads. Each runs one task at a time; results are returned in the order of the tasks. */
export class RenderPool {
  readonly #workers: readonly Worker[];
  readonly #idle: Worker[];
  readonly #waiting: ((worker: Worker) => void)[] = [];

  constructor(threads: number, data: RenderWorkerData) {
    this.#workers = Array.from(
      { length: threads },
      () => new Worker(new URL("./render-worker.ts", import.meta.url), { workerData: data }),
    );
    this.#idle = [...this.#workers];
  }

  /** Runs all tasks. Buffers at most a few finished results. */
  async *map(tasks: readonly RenderTask[]): AsyncGenerator<RenderReply> {
    const ahead = 2 * this.#workers.length;
    const running: Promise<RenderReply>[] = [];
    for (const task of tasks) {
      const reply = this.#run(task);
      // A failure is thrown where the result is awaited below, not as an unhandled rejection before that.
      reply.catch(() => undefined);
      running.push(reply);
      const oldest = running.length > ahead ? running.shift() : undefined;
      if (oldest) yield await oldest;
    }
    for (const reply of running) yield await reply;
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  async #run(task: RenderTask): Promise<RenderReply> {
    const worker = this.#idle.pop() ?? (await new Promise<Worker>((resolve) => this.#waiting.push(resolve)));
    try {
      return await new Promise<RenderReply>((resolve, reject) => {
        const settle = () => {
          worker.off("message", onMessage);
          worker.off("error", onError);
        };
        const onMessage = (reply: RenderReply) => {
          settle();
          resolve(reply);
        };
        const onError = (error: Error) => {
          settle();
          reject(error);
        };
        worker.on("message", onMessage);
        worker.on("error", onError);
        worker.postMessage(task);
      });
    } finally {
      const next = this.#waiting.shift();
      if (next) next(worker);
      else this.#idle.push(worker);
    }
  }
}
