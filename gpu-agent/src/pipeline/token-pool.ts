/** A claim on one of several equal things. */
export interface Turn {
  /** Gives up waiting when aborted. */
  readonly signal: AbortSignal;
  /** When the job came to this machine, in milliseconds; who came first goes first. */
  readonly since: number;
  /** How long the turn still takes, or would take if it came now; seconds. */
  readonly secondsLeft: () => number;
  /** Told when the turn does not come at once. */
  readonly onWait?: () => void;
}

/** One of the things. */
interface Slot<Unit> {
  readonly unit: Unit;
}

interface Waiting<Unit> {
  readonly turn: Turn;
  readonly grant: (slot: Slot<Unit>) => void;
}

/** A number of things that are used one at a time, and those that wait for them, oldest job first. */
export class TokenPool<Unit> {
  readonly #choose: (free: readonly Unit[]) => number;
  readonly #free: Slot<Unit>[];
  readonly #holders = new Map<Turn, Slot<Unit>>();
  #waiting: readonly Waiting<Unit>[] = [];

  /** @param choose the index of the free thing that is given out next */
  constructor(units: readonly Unit[], choose: (free: readonly Unit[]) => number = () => 0) {
    this.#free = units.map((unit) => ({ unit }));
    this.#choose = choose;
  }

  /** @returns null when the turn was given up before it came */
  async use<T>(turn: Turn, work: (unit: Unit) => Promise<T>): Promise<T | null> {
    const slot = await this.#turnCame(turn);
    if (slot === null) return null;
    try {
      return await work(slot.unit);
    } finally {
      this.#holders.delete(turn);
      this.#free.push(slot);
      this.#handOut();
    }
  }

  get inUse(): Unit[] {
    return [...this.#holders.values()].map(({ unit }) => unit);
  }

  /** In how many seconds each thing is free, and how long those take that would go before a job of that age. */
  outlook(since: number): { freeIn: number[]; ahead: number[] } {
    const ahead = this.#waiting.filter(({ turn }) => turn.since < since);
    return {
      freeIn: [...this.#free.map(() => 0), ...[...this.#holders.keys()].map((turn) => turn.secondsLeft())],
      ahead: ahead.map(({ turn }) => turn.secondsLeft()),
    };
  }

  #turnCame(turn: Turn): Promise<Slot<Unit> | null> {
    if (turn.signal.aborted) return Promise.resolve(null);
    return new Promise((resolve) => {
      const onAbort = () => {
        this.#waiting = this.#waiting.filter((other) => other !== waiting);
        resolve(null);
      };
      const waiting: Waiting<Unit> = {
        turn,
        grant: (slot) => {
          turn.signal.removeEventListener("abort", onAbort);
          resolve(slot);
        },
      };
      turn.signal.addEventListener("abort", onAbort, { once: true });
      // Sorting is stable: of one job's claims, and of jobs that came together, the first to ask goes first.
      this.#waiting = [...this.#waiting, waiting].toSorted((a, b) => a.turn.since - b.turn.since);
      this.#handOut();
      if (this.#waiting.includes(waiting)) turn.onWait?.();
    });
  }

  #handOut(): void {
    const [next, ...others] = this.#waiting;
    if (next === undefined || this.#free.length === 0) return;
    const [slot] = this.#free.splice(this.#choose(this.#free.map(({ unit }) => unit)), 1);
    if (slot === undefined) return;
    this.#waiting = others;
    this.#holders.set(next.turn, slot);
    next.grant(slot);
    this.#handOut();
  }
}

/**
 * Seconds until one of several things is free for whoever comes after others that wait.
 *
 * @param freeIn in how many seconds each of them is free
 * @param ahead how long those take that go before, in their order
 */
export function expectedWait(freeIn: readonly number[], ahead: readonly number[]): number {
  const times = [...freeIn];
  for (const seconds of ahead) {
    const soonest = Math.min(...times);
    times[times.indexOf(soonest)] = soonest + seconds;
  }
  return times.length === 0 ? 0 : Math.min(...times);
}
