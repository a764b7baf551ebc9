import { AsyncLocalStorage } from "node:async_hooks";

/**
 * One incarnation of something that runs shipped code and can die: an agent's process, a Dispatcher in memory, a
 * Worker's request. Its code gets time, timers, input and output from the world, which delivers nothing to a dead
 * process: a pending call stays pending forever, as after kill -9.
 */
export class SimProcess {
  readonly name: string;
  readonly pid: number;
  /** How far the clock of its host is ahead of the world's, in ms. */
  readonly clockOffsetMs: number;
  /** Holds the process's output until its writes are durable; null for a process without an output gate. */
  readonly outputGate: ((send: () => void) => void) | null;
  /** Decides, at each call of the process, how it dies during that call, or null. */
  readonly deathDuringCall: () => (() => void) | null;
  /** When its host's suspension ends, in virtual ms: earlier events wait until then. */
  frozenUntil = 0;
  #alive = true;
  readonly #deathWatches: (() => void)[] = [];

  constructor(
    name: string,
    options: {
      readonly pid?: number;
      readonly clockOffsetMs?: number;
      readonly outputGate?: (send: () => void) => void;
      readonly deathDuringCall?: () => (() => void) | null;
    } = {},
  ) {
    this.name = name;
    this.pid = options.pid ?? 1;
    this.clockOffsetMs = options.clockOffsetMs ?? 0;
    this.outputGate = options.outputGate ?? null;
    this.deathDuringCall = options.deathDuringCall ?? (() => null);
  }

  get alive(): boolean {
    return this.#alive;
  }

  kill(): void {
    if (!this.#alive) return;
    this.#alive = false;
    for (const onDeath of this.#deathWatches) onDeath();
  }

  /** For what breaks with the process, as its connections do. */
  atDeath(onDeath: () => void): void {
    this.#deathWatches.push(onDeath);
  }

  /** Runs code in this process; everything that it starts asynchronously belongs to the process as well. */
  run<T>(code: () => T): T {
    return running.run(this, code);
  }
}

const running = new AsyncLocalStorage<SimProcess>();

/** The running process; null for the simulation's own code. */
export function currentProcess(): SimProcess | null {
  return running.getStore() ?? null;
}
