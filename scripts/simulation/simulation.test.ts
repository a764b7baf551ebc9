import { availableParallelism } from "node:os";
import { describe, expect, it } from "vitest";
import { mutationNamed } from "./mutations/mutations.ts";
import type { Outcome } from "./run-seed.ts";
import { explainSeed, search } from "./search.ts";
import type { Explanation } from "./shrink.ts";
import { failuresIn, firstFailure, seedsFrom } from "./testing/searches.ts";

const THREADS = availableParallelism();
/** simulation.full.test.ts runs many more. */
const SEEDS = 200;
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
    const seeds = seedsFrom(1, 50);
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

function kindsIn(explanation: Explanation | undefined): number {
  return Object.keys(explanation?.plan.faults ?? {}).length;
}
