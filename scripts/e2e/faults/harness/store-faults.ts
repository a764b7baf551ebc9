import type { StoreCall, Verdict } from "@splatt/control-plane/testing/store-call";

/** The messages of D1 and R2. */
export const STORE_ERRORS = {
  d1Lost: "D1_ERROR: Network connection lost.",
  d1Overloaded: "D1_ERROR: D1 DB is overloaded. Too many requests queued.",
  r2Internal: "put: We encountered an internal error. Please try again. (10001)",
} as const;

type Rule = (call: StoreCall) => Verdict | null;

/** Decides the outcome of each call of D1 and R2 by the Worker, and records the calls. */
export class StoreFaults {
  readonly calls: StoreCall[] = [];
  #rules: Rule[] = [];

  /** For the Worker's JUDGE. */
  judge(call: StoreCall): Verdict {
    this.calls.push(call);
    for (const rule of this.#rules) {
      const verdict = rule(call);
      if (verdict !== null) return verdict;
    }
    return {};
  }

  /** Applies a rule to every call, after the earlier rules, until the faults are cleared. */
  add(rule: Rule): void {
    this.#rules.push(rule);
  }

  /** Gives the next `times` matching calls this outcome. @returns resolves with the last of them */
  next(times: number, matches: (call: StoreCall) => boolean, verdict: Verdict): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    let left = times;
    this.add((call) => {
      if (left === 0 || !matches(call)) return null;
      left -= 1;
      if (left === 0) resolve();
      return verdict;
    });
    return promise;
  }

  repair(): void {
    this.#rules = [];
  }

  count(matches: (call: StoreCall) => boolean): number {
    return this.calls.filter(matches).length;
  }
}

export function d1({ store }: StoreCall): boolean {
  return store === "d1";
}

/** A call of R2 by its method. */
export function r2(method: string): (call: StoreCall) => boolean {
  return (call) => call.store === "r2" && call.method === method;
}
