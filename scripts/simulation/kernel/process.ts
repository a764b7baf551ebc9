import { AsyncLocalStorage } from "node:async_hooks";

/**
 * One incarnation of something that runs shipped code and can die: an agent's process, a Dispatcher in memory, a
 * Worker's request. Whatever runs in it gets its time, its timers and its input and output through the world,
 * which delivers nothing to a dead process: a call that was pending stays pending for ever, as after kill -9.
 */
export class SimProcess {
  readonly name: string;
  readonly pid: number;
  /** How far the clock of its host is ahead of the world's, in ms. */
  readonly clockOffsetMs: number;
  /** Holds what the process sends back until what it wrote is durable; null where nothing does. */
  readonly outputGate: ((send: () => void) => void) | null;
  /** Asked at each call that the process makes: how it is to die during that call, or null. */
  readonly deathDuringCall: () => (() => void) | null;
  /** Until when its host is suspended, in virtual ms: what is due before that waits. */
  frozenUntil = 0;
  #alive = true;

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
    this.#alive = false;
  }

  /** Runs code in this process; everything that it starts asynchronously belongs to the process too. */
  run<T>(code: () => T): T {
    return running.run(this, code);
  }
}

const running = new AsyncLocalStorage<SimProcess>();

/** The process whose code runs now; null for the simulation's own code. */
export function currentProcess(): SimProcess | null {
  return running.getStore() ?? null;
}
