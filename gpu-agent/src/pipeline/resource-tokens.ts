import type { ResourceToken } from "./stage.ts";
import { expectedWait, TokenPool, type Turn } from "./token-pool.ts";

export interface MachineResources {
  /** How many stages may use the network, or the CPU, at the same time. */
  readonly network: number;
  readonly cpu: number;
  /** The UUIDs of the GPUs to train on; null leaves the choice of a GPU to the engine. */
  readonly gpus: readonly (string | null)[];
  /** Returns the index of the free GPU to grant next; by default the first. */
  readonly chooseGpu?: (free: readonly (string | null)[]) => number;
}

/** What a stage's token grants it. */
export interface Grant {
  /** The UUID of the stage's GPU; null leaves the choice to the engine. */
  readonly gpu: string | null;
}

/**
 * The machine's scarce resources. A stage holds one token while it runs, so that one job can download or run COLMAP
 * while another trains, and no two jobs train on the same GPU. The oldest job goes first, however late its stage claims
 * a token, so that no job starves.
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
   * Runs `work` as soon as a token is free and no older job waits for it.
   *
   * @returns null when the claim was aborted before it was granted; work that has begun is always awaited
   */
  use<T>(token: ResourceToken, turn: Turn, work: (grant: Grant) => Promise<T>): Promise<T | null> {
    return this.#pools[token].use(turn, (gpu) => work({ gpu }));
  }

  /** UUIDs of the GPUs in use. */
  get gpusInUse(): string[] {
    return this.#pools.gpu.inUse.filter((gpu) => gpu !== null);
  }

  /** Seconds until a job of that age would get a token if it claimed one now. */
  secondsUntilFree(token: ResourceToken, since: number): number {
    const { freeIn, ahead } = this.#pools[token].outlook(since);
    return expectedWait(freeIn, ahead);
  }
}
