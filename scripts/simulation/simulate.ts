import { readFile } from "node:fs/promises";
import { scriptOptions } from "@splatt/local/script-options";
import { z } from "zod";
import { FAULTS } from "./kernel/faults.ts";
import type { SourceChange } from "./loader.ts";
import { MUTATIONS, mutationNamed } from "./mutations/mutations.ts";
import type { Plan } from "./plan.ts";
import type { Outcome } from "./run-seed.ts";
import { explainSeed, search } from "./search.ts";

/** `npm run simulate`: see docs/simulation.md. */

const USAGE = `Usage: npm run simulate -- [options]

  --seeds N        number of seeds to run (1000)
  --from F         first seed (1)
  --threads T      number of threads (2)
  --seed S         run one seed and print its trace; a failing run is shrunk first
  --whole          with --seed: do not shrink
  --mutation M     inject a bug into the shipped code: a name from --list, or a JSON file with one or more of
                   {"file": "control-plane/src/…", "search": "text that occurs once", "replace": "new text"}
  --list           list the faults and the mutations`;

const MAX_FAILURES = 10;
const SEEDS_PER_LINE = 5000;

const { values } = scriptOptions(USAGE, {
  options: {
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    threads: { type: "string", default: "2" },
    seed: { type: "string" },
    whole: { type: "boolean", default: false },
    mutation: { type: "string" },
    list: { type: "boolean", default: false },
  },
});

const Change = z.object({ file: z.string(), search: z.string(), replace: z.string() });
const Changes = z.union([z.array(Change), Change.transform((change) => [change])]);

/** @returns null when the argument is neither a mutation's name nor a valid mutation file */
async function changesOf(mutation: string): Promise<readonly SourceChange[] | null> {
  const known = mutationNamed(mutation);
  if (known !== undefined) return known.changes;
  try {
    return Changes.parse(JSON.parse(await readFile(mutation, "utf8")));
  } catch {
    return null;
  }
}

function list(): void {
  console.log("Faults:");
  for (const [kind, { is }] of Object.entries(FAULTS)) console.log(`  ${kind.padEnd(24)} ${is}`);
  console.log("\nMutations:");
  for (const { name, is } of MUTATIONS) console.log(`  ${name.padEnd(24)} ${is}`);
}

async function runMany(changes: readonly SourceChange[]): Promise<boolean> {
  const [from, count] = [Number(values.from), Number(values.seeds)];
  const began = performance.now();
  const totals = { seeds: 0, failed: 0, steps: 0, strikes: 0 };
  const statuses = new Map<string, number>();
  const onOutcome = (outcome: Outcome) => {
    totals.seeds += 1;
    totals.steps += outcome.steps;
    totals.strikes += outcome.struck.length;
    for (const status of outcome.statuses) statuses.set(status, (statuses.get(status) ?? 0) + 1);
    if (totals.seeds % SEEDS_PER_LINE === 0) console.log(`${totals.seeds} seeds …`);
    if (outcome.failure === null) return true;
    totals.failed += 1;
    const { invariant, finding } = outcome.failure;
    console.log(`seed ${outcome.seed} breaks ${invariant}: ${finding.slice(0, 500)}`);
    return totals.failed < MAX_FAILURES;
  };
  await search({
    seeds: Array.from({ length: count }, (_, index) => from + index),
    threads: Number(values.threads),
    changes,
    onOutcome,
  });
  const seconds = (performance.now() - began) / 1000;
  const jobs = [...statuses].map(([status, jobs]) => `${jobs} ${status}`).join(", ");
  console.log(
    `${totals.seeds} seeds in ${seconds.toFixed(0)} s: ${totals.steps} steps, ${totals.strikes} faults; jobs: ${jobs}`,
  );
  const again = values.mutation === undefined ? "" : ` --mutation ${values.mutation}`;
  if (totals.failed === 0) console.log("All invariants held.");
  else console.log(`${totals.failed} seeds failed. To see a trace: npm run simulate -- --seed S${again}`);
  return totals.failed === 0;
}

async function runOne(seed: number, changes: readonly SourceChange[]): Promise<boolean> {
  const { plan, outcome } = await explainSeed(seed, changes, !values.whole);
  for (const line of outcome.lines ?? []) console.log(line);
  console.log(`\n${describePlan(plan)}`);
  console.log(`seed ${seed}: ${outcome.steps} steps, trace ${outcome.traceHash}`);
  if (outcome.failure === null) console.log("All invariants held.");
  else console.log(`${outcome.failure.invariant} failed: ${outcome.failure.finding}`);
  return outcome.failure === null;
}

function describePlan({ hosts, operations, faults, faultLimit, healAtMs }: Plan): string {
  const limit = faultLimit === Number.MAX_SAFE_INTEGER ? "" : `, at most ${faultLimit}`;
  return [
    ...hosts.map((host) => `host   ${JSON.stringify(host)}`),
    ...operations.map((operation) => `operation ${JSON.stringify(operation)}`),
    `faults    ${JSON.stringify(faults)}${limit}, until ${Math.round(healAtMs / 1000)} s`,
  ].join("\n");
}

if (values.list) {
  list();
} else {
  const changes = values.mutation === undefined ? [] : await changesOf(values.mutation);
  if (changes === null) {
    console.error(
      `Unknown mutation: ${values.mutation}. See --list for names and --help for the format of a file.`,
    );
    process.exitCode = 2;
  } else {
    const held = await (values.seed === undefined ? runMany(changes) : runOne(Number(values.seed), changes));
    process.exitCode = held ? 0 : 1;
  }
}
