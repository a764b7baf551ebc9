/** A claim on one of the pool's units. */
export interface Turn {
  /** Gives up waiting when aborted. */
  readonly signal: AbortSignal;
  /** When the machine accepted the job, in milliseconds. Older jobs go first. */
  readonly since: number;
  /** How many seconds longer the holder needs the unit, or would need it if granted now. */
  readonly secondsLeft: () => number;
  /** Called when the claim has to wait. */
  readonly onWait?: () => void;
}

/** A unit of the pool. Wrapped, because units may be equal. */
interface Slot<Unit> {
  readonly unit: Unit;
}

interface Waiting<Unit> {
  readonly turn: Turn;
  readonly grant: (slot: Slot<Unit>) => void;
}

/** A pool of units, each used by one holder at a time. Claims wait in a queue, oldest job first. */
export class TokenPool<Unit> {
  readonly #choose: (free: readonly Unit[]) => number;
  readonly #free: Slot<Unit>[];
  readonly #holders = new Map<Turn, Slot<Unit>>();
  #waiting: readonly Waiting<Unit>[] = [];

  /** @param choose returns the index of the free unit to grant next */
  constructor(units: readonly Unit[], choose: (free: readonly Unit[]) => number = () => 0) {
    this.#free = units.map((unit) => ({ unit }));
    this.#choose = choose;
  }

  /** @returns null when the claim was aborted before it was granted */
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

  /** The seconds until each unit is free, and the seconds that each waiting claim of an older job will hold one. */
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
      // Sorting is stable, so claims of the same age are granted in the order in which they were made.
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
 * Computes the seconds until a claim is granted, given those ahead of it.
 *
 * @param freeIn the seconds until each unit is free
 * @param ahead the seconds that each claim ahead will hold a unit, in queue order
 */
export function expectedWait(freeIn: readonly number[], ahead: readonly number[]): number {
  const times = [...freeIn];
  for (const seconds of ahead) {
    const soonest = Math.min(...times);
    times[times.indexOf(soonest)] = soonest + seconds;
  }
  return times.length === 0 ? 0 : Math.min(...times);
}
