import type { FaultKind } from "../kernel/faults.ts";
import type { Range } from "../kernel/random.ts";
import type { World } from "../kernel/world.ts";

/** A store of the control plane, as the faults name it. */
type Store = "d1" | "r2";

const USUAL_MS: Range = [0.5, 12];
const SLOW_MS: Range = [1000, 20_000];

/** Transient errors from D1's and R2's documentation. */
const LOST: { readonly [store in Store]: string } = {
  d1: "D1_ERROR: Network connection lost.",
  r2: "internal error: We encountered an internal error. Please try again. (10001)",
};

/** A call of a store: slow, failing before any effect, or failing after the full effect. */
export function storageCall<T>(world: World, store: Store, what: string, execute: () => T): Promise<T> {
  const struck = (kind: FaultKind) => world.faults.strikes(kind);
  const usual = () => world.latency(...USUAL_MS);
  const slow = struck(`${store}_slow`);
  const timing = { outMs: slow ? world.latency(...SLOW_MS) : usual(), backMs: usual() };
  const error = struck(`${store}_error`);
  const lostReply = struck(`${store}_lost_reply`);
  return world.call(`${store} ${what}`, timing, () => {
    if (error) throw new Error(LOST[store]);
    const result = execute();
    if (lostReply) throw new Error(LOST[store]);
    return result;
  });
}
