import { residentMemory } from "../control-plane/bench-stack.ts";

const MIB = 1024 * 1024;

/** The peak memory of processes above their memory at the start. */
export class MemoryWatch {
  readonly #pids: readonly number[];
  readonly #idle: number;
  #most = 0;
  readonly #timer = setInterval(() => void this.#look(), 100);

  private constructor(pids: readonly number[], idle: number) {
    this.#pids = pids;
    this.#idle = idle;
  }

  static async start(pids: readonly number[]): Promise<MemoryWatch> {
    return new MemoryWatch(pids, await sumOf(pids));
  }

  /** @returns MiB */
  async stop(): Promise<number> {
    clearInterval(this.#timer);
    await this.#look();
    return Math.round((this.#most - this.#idle) / MIB);
  }

  async #look(): Promise<void> {
    this.#most = Math.max(this.#most, await sumOf(this.#pids));
  }
}

async function sumOf(pids: readonly number[]): Promise<number> {
  const all = await Promise.all(pids.map(residentMemory));
  return all.reduce((sum, bytes) => sum + bytes, 0);
}
