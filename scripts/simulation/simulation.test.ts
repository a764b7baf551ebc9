import { availableParallelism } from "node:os";
import { describe, expect, it } from "vitest";
import { MUTATIONS, type Mutation, mutationNamed } from "./mutations.ts";
import type { Outcome } from "./run-seed.ts";
import { explainSeed, search } from "./search.ts";
import type { Explanation } from "./shrink.ts";
import { failuresIn, seedsFrom } from "./testing/searches.ts";

const THREADS = availableParallelism();
const SEEDS = 1000;
/** A mutation that survives this many seeds shows that an invariant has stopped being checked. */
const SEEDS_PER_MUTATION = 1500;
const TIMEOUT_MS = 1_200_000;

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
    expect(await failuresIn(seedsFrom(1, SEEDS), THREADS)).toEqual([]);
  });
});

describe("a seed", () => {
  it("always produces the same run, independent of earlier runs", { timeout: TIMEOUT_MS }, async () => {
    const seeds = seedsFrom(1, 100);
    const forwards = await outcomesOf(seeds, THREADS);
    const backwards = await outcomesOf(seeds.toReversed(), 1);
    for (const seed of seeds) expect(backwards.get(seed)).toEqual(forwards.get(seed));
    expect(new Set([...forwards.values()].map(({ traceHash }) => traceHash)).size).toBe(seeds.length);
  });

  it("that fails always produces the same trace", { timeout: TIMEOUT_MS }, async () => {
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

describe("the simulation finds a bug in the shipped code:", () => {
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
