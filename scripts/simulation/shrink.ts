import type { Plan } from "./plan.ts";
import type { Outcome } from "./run-seed.ts";

/** A seed's run for a reader: its plan, shrunk on failure, and its outcome. */
export interface Explanation {
  readonly plan: Plan;
  readonly outcome: Outcome;
}

type Run = (plan: Plan, keepLines: boolean) => Promise<Outcome>;

/** Runs a plan and, if it fails, shrinks it while the same invariant still breaks. */
export async function explain(plan: Plan, run: Run, shrinks: boolean): Promise<Explanation> {
  const failure = (await run(plan, false)).failure;
  const smallest = failure === null || !shrinks ? plan : await shrink(plan, run, failure.invariant);
  return { plan: smallest, outcome: await run(smallest, true) };
}

/** Tries simplifications until none helps. */
async function shrink(plan: Plan, run: Run, invariant: string): Promise<Plan> {
  let smallest = plan;
  for (let before: Plan | null = null; before !== smallest; ) {
    before = smallest;
    for (const simplify of SIMPLIFICATIONS) {
      for (let index = 0; ; ) {
        const simpler = simplify(smallest, index);
        if (simpler === null) break;
        const { failure } = await run(simpler, false);
        if (failure?.invariant === invariant) smallest = simpler;
        else index += 1;
      }
    }
    const { struck } = await run(smallest, false);
    smallest = await fewerStrikes(smallest, struck.length, run, invariant);
  }
  return smallest;
}

/** The plan without element `index` of one kind; null when there is no such element. */
type Simplification = (plan: Plan, index: number) => Plan | null;

const SIMPLIFICATIONS: readonly Simplification[] = [
  (plan, index) => {
    const kind = Object.keys(plan.faults)[index];
    if (kind === undefined) return null;
    return {
      ...plan,
      faults: Object.fromEntries(Object.entries(plan.faults).filter(([other]) => other !== kind)),
    };
  },
  (plan, index) => {
    if (index >= plan.operations.length) return null;
    return { ...plan, operations: plan.operations.filter((_, other) => other !== index) };
  },
  // Only the last host: operations refer to the others by index.
  (plan, index) =>
    index > 0 || plan.hosts.length === 1 ? null : { ...plan, hosts: plan.hosts.slice(0, -1) },
];

/** Strikes after the last relevant fault only lengthen the trace. */
async function fewerStrikes(plan: Plan, strikes: number, run: Run, invariant: string): Promise<Plan> {
  let [enough, tooFew] = [Math.min(strikes, plan.faultLimit), -1];
  let smallest = plan;
  while (enough - tooFew > 1) {
    const faultLimit = Math.floor((enough + tooFew) / 2);
    const { failure } = await run({ ...plan, faultLimit }, false);
    if (failure?.invariant === invariant) {
      enough = faultLimit;
      smallest = { ...plan, faultLimit };
    } else {
      tooFew = faultLimit;
    }
  }
  return smallest;
}
