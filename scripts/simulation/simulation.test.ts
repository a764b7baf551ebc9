import { availableParallelism } from "node:os";
import { describe, expect, it } from "vitest";
import { MUTATIONS, type Mutation, mutationNamed } from "./mutations.ts";
import type { Outcome } from "./run-seed.ts";
import { explainSeed, type Search, search } from "./search.ts";
import type { Explanation } from "./shrink.ts";

const THREADS = availableParallelism();
const SEEDS = 20_000;
/** A mutation that is not caught within so many seeds shows that something is no longer looked at. */
const SEEDS_PER_MUTATION = 1500;
const TIMEOUT_MS = 1_200_000;
const MAX_FAILURES = 5;

function seedsFrom(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

async function outcomesOf(
  seeds: readonly number[],
  options: Pick<Search, "threads" | "speedups">,
): Promise<Map<number, Outcome>> {
  const outcomes = new Map<number, Outcome>();
  const onOutcome = (outcome: Outcome) => {
    outcomes.set(outcome.seed, outcome);
    return true;
  };
  await search({ seeds, changes: [], onOutcome, ...options });
  return outcomes;
}

describe("the shipped code", () => {
  it(`keeps every invariant in ${SEEDS} simulated runs`, { timeout: TIMEOUT_MS }, async () => {
    const failures: string[] = [];
    const onOutcome = ({ seed, failure }: Outcome) => {
      if (failure !== null) failures.push(`seed ${seed}: ${failure.invariant}: ${failure.finding}`);
      return failures.length < MAX_FAILURES;
    };
    await search({ seeds: seedsFrom(1, SEEDS), threads: THREADS, changes: [], onOutcome });
    expect(failures).toEqual([]);
  });
});

describe("a seed", () => {
  it("does the same each time, whatever ran before it", { timeout: TIMEOUT_MS }, async () => {
    const seeds = seedsFrom(1, 100);
    const there = await outcomesOf(seeds, { threads: THREADS });
    const back = await outcomesOf(seeds.toReversed(), { threads: 1 });
    for (const seed of seeds) expect(back.get(seed)).toEqual(there.get(seed));
    expect(new Set([...there.values()].map(({ traceHash }) => traceHash)).size).toBe(seeds.length);
  });

  it("does the same with drizzle as it comes", { timeout: TIMEOUT_MS }, async () => {
    const seeds = seedsFrom(1, 100);
    const usual = await outcomesOf(seeds, { threads: THREADS });
    expect(await outcomesOf(seeds, { threads: THREADS, speedups: [] })).toEqual(usual);
  });

  it("that fails is told as a trace, which is the same each time", { timeout: TIMEOUT_MS }, async () => {
    const mutation = mutationNamed("progress-falls");
    const failed = mutation === undefined ? null : await firstFailure(mutation);
    if (mutation === undefined || failed === null) throw new Error("nothing failed");
    const [whole, smaller, again] = await Promise.all(
      [false, true, true].map((shrinks) => explainSeed(failed.seed, mutation.changes, shrinks)),
    );
    expect(whole?.outcome).toMatchObject({ failure: failed.failure, traceHash: failed.traceHash });
    expect(smaller?.outcome.failure?.invariant).toBe(failed.failure?.invariant);
    expect(kindsIn(smaller)).toBeLessThan(kindsIn(whole));
    expect(smaller).toEqual(again);
  });
});

describe("a mistake in the shipped code is found:", () => {
  it.each(MUTATIONS)("$is", { timeout: TIMEOUT_MS }, async (mutation) => {
    expect(await firstFailure(mutation)).not.toBeNull();
  });
});

function kindsIn(explanation: Explanation | undefined): number {
  return Object.keys(explanation?.plan.faults ?? {}).length;
}

async function firstFailure({ found, changes }: Mutation): Promise<Outcome | null> {
  const failed: Outcome[] = [];
  const onOutcome = (outcome: Outcome) => {
    if (outcome.failure !== null) failed.push(outcome);
    return failed.length === 0;
  };
  await search({ seeds: seedsFrom(found, SEEDS_PER_MUTATION), threads: 1, changes, onOutcome });
  return failed[0] ?? null;
}
