import type { Outcome } from "../run-seed.ts";
import { search } from "../search.ts";

const MAX_FAILURES = 5;

export function seedsFrom(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

/** The first few failures of the shipped code on these seeds, as text. */
export async function failuresIn(seeds: readonly number[], threads: number): Promise<string[]> {
  const failures: string[] = [];
  const onOutcome = ({ seed, failure }: Outcome) => {
    if (failure !== null) failures.push(`seed ${seed}: ${failure.invariant}: ${failure.finding}`);
    return failures.length < MAX_FAILURES;
  };
  await search({ seeds, threads, changes: [], onOutcome });
  return failures;
}
