import { availableParallelism } from "node:os";
import { beforeAll, describe, expect, it } from "vitest";
import { mutationNamed } from "./mutations/mutations.ts";
import type { Outcome } from "./run-seed.ts";
import { explainSeed, search } from "./search.ts";
import type { Explanation } from "./shrink.ts";
import { failureText, firstFailure, seedsFrom } from "./testing/searches.ts";

const THREADS = availableParallelism();
/** simulation.full.test.ts runs many more. */
const SEEDS = 100;
const REPEATED_SEEDS = 10;
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
  let outcomes: ReadonlyMap<number, Outcome>;
  beforeAll(async () => {
    outcomes = await outcomesOf(seedsFrom(1, SEEDS), THREADS);
  }, TIMEOUT_MS);

  it(`keeps every invariant in ${SEEDS} simulated runs`, () => {
    expect(outcomes.size).toBe(SEEDS);
    expect([...outcomes.values()].flatMap(failureText)).toEqual([]);
  });

  it("always runs a seed the same way, independent of earlier runs", { timeout: TIMEOUT_MS }, async () => {
    const again = await outcomesOf(seedsFrom(1, REPEATED_SEEDS).toReversed(), 1);
    expect(again.size).toBe(REPEATED_SEEDS);
    for (const [seed, outcome] of again) expect(outcome).toEqual(outcomes.get(seed));
    expect(new Set([...outcomes.values()].map(({ traceHash }) => traceHash)).size).toBe(SEEDS);
  });
});

describe("a seed that fails", () => {
  it("always produces the same trace, and a smaller one", { timeout: TIMEOUT_MS }, async () => {
    const mutation = mutationNamed("progress-falls");
    const failed = mutation === undefined ? null : await firstFailure(mutation);
    if (mutation === undefined || failed === null) throw new Error("nothing failed");
    const [whole, smaller] = await Promise.all(
      [false, true].map((shrinks) => explainSeed(failed.seed, mutation.changes, shrinks)),
    );
    expect(whole?.outcome).toMatchObject({ failure: failed.failure, traceHash: failed.traceHash });
    expect(smaller?.outcome.failure?.invariant).toBe(failed.failure?.invariant);
    expect(kindsIn(smaller)).toBeLessThan(kindsIn(whole));
  });
});

function kindsIn(explanation: Explanation | undefined): number {
  return Object.keys(explanation?.plan.faults ?? {}).length;
}
