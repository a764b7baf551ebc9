import { EventQueue, type SimEvent } from "./event-queue.ts";
import type { Faults } from "./faults.ts";
import { currentProcess, type SimProcess } from "./process.ts";
import { Random } from "./random.ts";
import { Trace } from "./trace.ts";

/** The real ones, saved before the virtual ones replace them. */
const soon = setImmediate;

/** Steps per turn of the real event loop. */
const STEPS_PER_TURN = 64;

export interface CallTiming {
  readonly outMs: number;
  readonly backMs: number;
}

/**
 * The virtual clock and scheduler: every timer, latency and delivery is an event here. All microtasks run between two
 * events, so an event and everything that it triggers is one step.
 */
export class World {
  readonly trace: Trace;
  readonly faults: Faults;
  readonly ids: Random;
  /** The source of `Math.random` for shipped code. */
  readonly dice: Random;
  readonly #latency: Random;
  readonly #queue = new EventQueue();
  #now = 0;
  #order = 0;
  #steps = 0;
  /** Set to end the run: a broken invariant or a crash. */
  verdict: Error | null = null;

  constructor(seed: number, options: { readonly faults: Faults; readonly keepLines: boolean }) {
    this.trace = new Trace(options);
    this.faults = options.faults;
    this.ids = new Random(seed, "ids");
    this.dice = new Random(seed, "dice");
    this.#latency = new Random(seed, "latency");
  }

  /** Virtual milliseconds since the run began. */
  get now(): number {
    return this.#now;
  }

  get steps(): number {
    return this.#steps;
  }

  note(who: string, what: string): void {
    this.trace.note(this.#now, who, what);
  }

  latency(minMs: number, maxMs: number): number {
    return this.#latency.logBetween(minMs, maxMs);
  }

  /** @param process the process whose death cancels the event; null for the world's own events */
  schedule(delayMs: number, label: string, act: () => void, process: SimProcess | null): SimEvent {
    const event: SimEvent = {
      at: this.#now + Math.max(0, delayMs),
      order: this.#order,
      process,
      label,
      act,
      cancelled: false,
    };
    this.#order += 1;
    this.#queue.push(event);
    return event;
  }

  /**
   * A call from the running process to the outside: in transit for `outMs`, then executed instantly, with the outcome
   * in transit for `backMs`. It is executed even if the caller dies in the meantime and never gets the outcome.
   */
  call<T>(label: string, timing: CallTiming, execute: () => T): Promise<T> {
    const process = this.caller(label);
    const death = process.deathDuringCall();
    if (death !== null) this.schedule(this.#within(timing), "dies", death, process);
    return new Promise<T>((resolve, reject) => {
      const send = () =>
        this.schedule(
          timing.outMs,
          label,
          () => {
            const settle = settleWith(execute, resolve, reject);
            if (timing.backMs > 0) this.schedule(timing.backMs, `${label} answered`, settle, process);
            else if (process.alive) settle();
          },
          null,
        );
      if (process.outputGate === null) send();
      else process.outputGate(send);
    });
  }

  /** The calling process. The simulation itself must not call this: it would bypass the clock. */
  caller(what: string): SimProcess {
    const process = currentProcess();
    if (process === null) throw new Error(`${what} was called outside of any process`);
    return process;
  }

  /** Runs steps until `isOver`, or until no event is left. */
  run(isOver: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      let over = false;
      const step = () => {
        if (over) return;
        over = this.verdict !== null || isOver() || !this.#step();
        if (over) resolve();
      };
      const turn = () => {
        for (let i = 1; i < STEPS_PER_TURN; i += 1) soon(step);
        soon(() => {
          step();
          if (!over) turn();
        });
      };
      turn();
    });
  }

  /** @returns false when no event is left */
  #step(): boolean {
    const event = this.#queue.pop();
    if (event === null) return false;
    if (event.process !== null && event.process.frozenUntil > event.at) {
      event.at = event.process.frozenUntil;
      this.#queue.push(event);
      return true;
    }
    this.#now = event.at;
    this.#steps += 1;
    this.note(event.process?.name ?? "", event.label);
    try {
      event.act();
    } catch (error) {
      this.verdict ??= new Error(`${event.process?.name ?? "world"} threw: ${String(error)}`, {
        cause: error,
      });
    }
    return true;
  }

  #within({ outMs, backMs }: CallTiming): number {
    return this.#latency.next() * (outMs + backMs);
  }
}

function settleWith<T>(
  execute: () => T,
  resolve: (value: T) => void,
  reject: (error: unknown) => void,
): () => void {
  try {
    const value = execute();
    return () => resolve(value);
  } catch (error) {
    return () => reject(error);
  }
}

let current: World | null = null;

/** The world of this thread, global because module fakes cannot receive it otherwise. */
export function theWorld(): World {
  if (current === null) throw new Error("no simulation runs");
  return current;
}

/** Virtual milliseconds; 0 while modules are being loaded. */
export function virtualNow(): number {
  return current?.now ?? 0;
}

export function enter(world: World | null): void {
  current = world;
}
