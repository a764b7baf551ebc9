import { availableParallelism } from "node:os";
import { describe, expect, it } from "vitest";
import { MUTATIONS } from "./mutations.ts";
import type { Outcome } from "./run-seed.ts";
import { explainSeed, search } from "./search.ts";

const THREADS = Math.min(2, availableParallelism());
const SEEDS = 20_000;
/** A mutation that is not caught within so many seeds shows that something is no longer looked at. */
const SEEDS_PER_MUTATION = 1500;
const TIMEOUT_MS = 600_000;

function seedsFrom(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

async function outcomesOf(seeds: readonly number[], threads: number): Promise<Map<number, Outcome>> {
  const outcomes = new Map<number, Outcome>();
  const onOutcome = (outcome: Outcome) => {
    outcomes.set(outcome.seed, outcome);
    return true;
  };
  await search({ seeds, threads, changes: [], onOutcome });
  return outcomes;
}

describe("the shipped code", () => {
  it(`keeps every invariant in ${SEEDS} simulated runs`, { timeout: TIMEOUT_MS }, async () => {
    const failures: string[] = [];
    const onOutcome = ({ seed, failure }: Outcome) => {
      if (failure !== null) failures.push(`seed ${seed}: ${failure.invariant}: ${failure.finding}`);
      return failures.length < 5;
    };
    await search({ seeds: seedsFrom(1, SEEDS), threads: THREADS, changes: [], onOutcome });
    expect(failures).toEqual([]);
  });
});

describe("a seed", () => {
  it("does the same each time, whatever ran before it", { timeout: TIMEOUT_MS }, async () => {
    const seeds = seedsFrom(1, 100);
    const [there, back] = [await outcomesOf(seeds, THREADS), await outcomesOf(seeds.toReversed(), 1)];
    for (const seed of seeds) expect(back.get(seed)).toEqual(there.get(seed));
    expect(new Set([...there.values()].map(({ traceHash }) => traceHash)).size).toBe(seeds.length);
  });

  it("that fails is told as a trace, which is the same each time", { timeout: TIMEOUT_MS }, async () => {
    const mutation = MUTATIONS.find(({ name }) => name === "progress-falls");
    if (mutation === undefined) throw new Error("there is no such mutation");
    const failed = await firstFailure(mutation.changes);
    if (failed === null) throw new Error("nothing failed");
    const explained = await explainSeed(failed.seed, mutation.changes, true);
    expect(explained.outcome.failure?.invariant).toBe("attemptsMoveForward");
    expect(explained.plan.operations.length).toBeLessThanOrEqual(2);
    expect(await explainSeed(failed.seed, mutation.changes, true)).toEqual(explained);
  });
});

describe("a mistake in the shipped code is found:", () => {
  it.each(MUTATIONS)("$is", { timeout: TIMEOUT_MS }, async ({ changes }) => {
    expect(await firstFailure(changes)).not.toBeNull();
  });
});

async function firstFailure(changes: (typeof MUTATIONS)[number]["changes"]): Promise<Outcome | null> {
  let found: Outcome | null = null;
  const onOutcome = (outcome: Outcome) => {
    if (outcome.failure !== null) found ??= outcome;
    return found === null;
  };
  await search({ seeds: seedsFrom(1, SEEDS_PER_MUTATION), threads: THREADS, changes, onOutcome });
  return found;
}
