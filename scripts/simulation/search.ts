import { Worker } from "node:worker_threads";
import type { SourceChange } from "./loader.ts";
import type { Outcome } from "./run-seed.ts";
import type { Explanation } from "./shrink.ts";
import type { Reply, Task } from "./thread.ts";

export interface Search {
  readonly seeds: readonly number[];
  readonly threads: number;
  /** Mutations of the shipped code. */
  readonly changes: readonly SourceChange[];
  /** @returns false when no more seeds are wanted */
  readonly onOutcome: (outcome: Outcome) => boolean;
}

/** Runs seeds on several threads. A run depends only on its seed. */
export async function search({ seeds, threads, changes, onOutcome }: Search): Promise<void> {
  const open = seeds.values();
  let isWanted = true;
  const work = async () => {
    const thread = new SimulationThread(changes);
    try {
      for (const seed of open) {
        if (!isWanted) return;
        const reply = await thread.do({ kind: "run", seed });
        if (reply.kind !== "ran") throw new Error(`the thread replied ${reply.kind}`);
        isWanted = isWanted && onOutcome(reply.outcome);
      }
    } finally {
      await thread.end();
    }
  };
  await Promise.all(Array.from({ length: threads }, work));
}

/** Runs one seed and records its trace. */
export async function explainSeed(
  seed: number,
  changes: readonly SourceChange[],
  shrinks: boolean,
): Promise<Explanation> {
  const thread = new SimulationThread(changes);
  try {
    const reply = await thread.do({ kind: "explain", seed, shrinks });
    if (reply.kind !== "explained") throw new Error(`the thread replied ${reply.kind}`);
    return reply.explanation;
  } finally {
    await thread.end();
  }
}

/** One thread, which runs one task at a time. */
class SimulationThread {
  readonly #worker: Worker;
  readonly #ready: Promise<Reply>;

  constructor(changes: readonly SourceChange[]) {
    this.#worker = new Worker(new URL("thread.ts", import.meta.url), {
      workerData: { changes },
      execArgv: [],
      // Small enough that short-lived objects stay in the processor's cache.
      resourceLimits: { maxYoungGenerationSizeMb: 48 },
    });
    this.#ready = this.#nextReply();
    this.#ready.catch(() => undefined);
  }

  async do(task: Task): Promise<Reply> {
    await this.#ready;
    const reply = this.#nextReply();
    this.#worker.postMessage(task);
    return reply;
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #nextReply(): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#worker.removeAllListeners();
      this.#worker.once("message", resolve);
      this.#worker.once("error", reject);
      this.#worker.once("exit", (code) => reject(new Error(`the thread ended with ${code}`)));
    });
  }
}
