import type { StoreCall, Verdict } from "@splatt/control-plane/testing/store-call";

/** As D1 and R2 say it. */
export const STORE_ERRORS = {
  d1Lost: "D1_ERROR: Network connection lost.",
  d1Overloaded: "D1_ERROR: D1 DB is overloaded. Too many requests queued.",
  r2Internal: "put: We encountered an internal error. Please try again. (10001)",
} as const;

type Rule = (call: StoreCall) => Verdict | null;

/** Decides what happens to each call that the Worker makes of D1 and R2, and remembers them. */
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

  /** Every call is asked of this rule, after those before it, until all is well again. */
  add(rule: Rule): void {
    this.#rules.push(rule);
  }

  /** The next `times` calls that match end so. @returns resolves with the last of them */
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

  mend(): void {
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
