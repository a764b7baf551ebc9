import { join } from "node:path";
import { ROOT } from "@splatt/local/local-machine";
import { scriptOptions } from "@splatt/local/script-options";
import { LINT, runChecks, typeChecks } from "./test-run/checks.ts";
import { reportMissingPrograms } from "./test-run/programs.ts";
import { NOTHING, sum, type Tally } from "./test-run/tally.ts";
import { runVitest } from "./test-run/vitest-run.ts";

const USAGE = `Usage: npm test [-- FILTER...] [-t NAME]
       npm run test:full [-- FILTER...] [-t NAME]

The first runs format, lint, types and all tests except the exhaustive ones, which the second runs: those in files
named *.full.test.ts. With filters, only the tests in files whose paths within their package contain one of them.

  -t NAME   only the tests whose full names match it`;

const CONFIG = join(ROOT, "scripts", "vitest.config.ts");

/** Lint and types, and whether the programs are there that tests need. */
async function checks(print: (text: string) => void): Promise<Tally> {
  return sum(reportMissingPrograms(), await runChecks([LINT, ...(await typeChecks(ROOT))], ROOT, print));
}

const { values, positionals: filters } = scriptOptions(USAGE, {
  allowPositionals: true,
  options: {
    full: { type: "boolean", default: false },
    testNamePattern: { type: "string", short: "t" },
  },
});
const testName = values.testNamePattern;
const isWhole = filters.length === 0 && testName === undefined;
// Beside the tests, which leave a core idle at their start and end. Printed after them, as vitest redraws its lines.
const checked: string[] = [];
const [beside, tests] = await Promise.all([
  isWhole && !values.full ? checks((text) => checked.push(text)) : NOTHING,
  runVitest({
    config: CONFIG,
    filters,
    testName,
    environment: { TESTS: values.full ? "full" : "quick" },
  }),
]);
if (checked.length > 0) console.log(`\n${checked.join("\n")}`);
const { passed, failed, skipped } = sum(beside, tests);
const hasNoMatch = testName !== undefined && tests.passed + tests.failed === 0;
if (hasNoMatch) console.error(`\nNo test has a name that matches "${testName}".`);
if (skipped > 0) console.log(`\n${skipped} skipped`);
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || hasNoMatch ? 1 : 0;
