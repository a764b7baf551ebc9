import PQueue from "p-queue";
import type { ResourceToken } from "./stage.ts";

/**
 * The machine's scarce things. A stage holds one token while it runs, so that one job may download and solve
 * cameras while another trains, and no two train on one GPU.
 */
export class ResourceTokens {
  readonly #queues: { readonly [token in ResourceToken]: PQueue };

  constructor(counts: { readonly [token in ResourceToken]: number }) {
    this.#queues = {
      network: new PQueue({ concurrency: counts.network }),
      cpu: new PQueue({ concurrency: counts.cpu }),
      gpu: new PQueue({ concurrency: counts.gpu }),
    };
  }

  /**
   * Runs `work` as soon as a token is free.
   *
   * @returns null when `signal` was aborted before its turn came; work that has begun is always waited for
   */
  async use<T>(token: ResourceToken, signal: AbortSignal, work: () => Promise<T>): Promise<T | null> {
    const turn = Promise.withResolvers<"begun" | "aborted">();
    const onAbort = () => turn.resolve("aborted");
    signal.addEventListener("abort", onAbort);
    const done = this.#queues[token].add(async () => {
      if (signal.aborted) return null;
      turn.resolve("begun");
      return work();
    });
    try {
      if (signal.aborted || (await turn.promise) === "aborted") {
        done.catch(() => undefined);
        return null;
      }
      return await done;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }
}
