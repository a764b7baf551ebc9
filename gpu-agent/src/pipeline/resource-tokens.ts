import type { ResourceToken } from "./stage.ts";
import { expectedWait, TokenPool, type Turn } from "./token-pool.ts";

export interface MachineResources {
  /** How many stages may use the network, or the processor, at once. */
  readonly network: number;
  readonly cpu: number;
  /** The UUIDs of the GPUs to train on; null is a GPU whose choice is left to the engine. */
  readonly gpus: readonly (string | null)[];
  /** The index of the GPU, of those that are free, that is given out next; by default the first. */
  readonly chooseGpu?: (free: readonly (string | null)[]) => number;
}

/** What a stage was given with its token. */
export interface Grant {
  /** The UUID of the GPU that is now the stage's own; null leaves the choice to the engine. */
  readonly gpu: string | null;
}

/**
 * The machine's scarce things. A stage holds one token while it runs, so that one job may download and solve
 * cameras while another trains, and no two train on one GPU. Of those that wait the job that came first to
 * this machine goes first, however late its stage asks: nobody is overtaken for ever.
 */
export class ResourceTokens {
  readonly #pools: { readonly [token in ResourceToken]: TokenPool<string | null> };

  constructor({ network, cpu, gpus, chooseGpu }: MachineResources) {
    this.#pools = {
      network: new TokenPool<string | null>(Array.from({ length: network }, () => null)),
      cpu: new TokenPool<string | null>(Array.from({ length: cpu }, () => null)),
      gpu: new TokenPool(gpus, chooseGpu),
    };
  }

  /**
   * Runs `work` as soon as a token is free and nobody older waits for it.
   *
   * @returns null when the turn's signal was aborted before it came; work that has begun is always waited for
   */
  use<T>(token: ResourceToken, turn: Turn, work: (grant: Grant) => Promise<T>): Promise<T | null> {
    return this.#pools[token].use(turn, (gpu) => work({ gpu }));
  }

  /** UUIDs of the GPUs that are given out. */
  get gpusInUse(): string[] {
    return this.#pools.gpu.inUse.filter((gpu) => gpu !== null);
  }

  /** Seconds until a job of that age could have a token, were it ready for it now. */
  secondsUntilFree(token: ResourceToken, since: number): number {
    const { freeIn, ahead } = this.#pools[token].outlook(since);
    return expectedWait(freeIn, ahead);
  }
}
