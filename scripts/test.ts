import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "@splatt/local/local-machine";
import { LINT, runChecks, typeChecks } from "./test-run/checks.ts";
import { reportMissingPrograms } from "./test-run/programs.ts";
import { NOTHING, sum, type Tally } from "./test-run/tally.ts";
import { runVitest } from "./test-run/vitest-run.ts";

/**
 * `npm test [-- FILTER...]`: format, lint, types and all tests except the exhaustive ones.
 * `npm run test:full [-- FILTER...]`: the exhaustive tests, in files named `*.full.test.ts`.
 * With filters, only the tests in files whose paths contain one of them.
 */

const CONFIG = join(ROOT, "scripts", "vitest.config.ts");

async function checks(): Promise<Tally> {
  return sum(reportMissingPrograms(), await runChecks([LINT, ...(await typeChecks(ROOT))], ROOT));
}

const { values, positionals: filters } = parseArgs({
  allowPositionals: true,
  options: { full: { type: "boolean", default: false } },
});
const isWhole = filters.length === 0;
const before = isWhole && !values.full ? await checks() : NOTHING;
const tests = await runVitest({
  config: CONFIG,
  filters,
  environment: { TESTS: values.full ? "full" : "quick" },
});
const { passed, failed, skipped } = sum(before, tests);
if (skipped > 0) console.log(`\n${skipped} skipped`);
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
