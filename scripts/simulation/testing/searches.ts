import type { Mutation } from "../mutations/mutation.ts";
import type { Outcome } from "../run-seed.ts";
import { search } from "../search.ts";

const MAX_FAILURES = 5;

export function seedsFrom(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

/** The first few failures of the shipped code on these seeds, as text. */
export async function failuresIn(seeds: readonly number[], threads: number): Promise<string[]> {
  const failures: string[] = [];
  const onOutcome = (outcome: Outcome) => {
    failures.push(...failureText(outcome));
    return failures.length < MAX_FAILURES;
  };
  await search({ seeds, threads, changes: [], onOutcome });
  return failures;
}

/** The failure as text, if there is one. */
export function failureText({ seed, failure }: Outcome): string[] {
  return failure === null ? [] : [`seed ${seed}: ${failure.invariant}: ${failure.finding}`];
}

/** A mutation that survives this many seeds shows that an invariant has stopped being checked. */
const SEEDS_PER_MUTATION = 1500;

/** The first seed that finds a mutation, from the one that is known to; null when none does. */
export async function firstFailure({ found, changes }: Mutation): Promise<Outcome | null> {
  const failed: Outcome[] = [];
  const onOutcome = (outcome: Outcome) => {
    if (outcome.failure !== null) failed.push(outcome);
    return failed.length === 0;
  };
  await search({ seeds: seedsFrom(found, SEEDS_PER_MUTATION), threads: 1, changes, onOutcome });
  return failed[0] ?? null;
}
