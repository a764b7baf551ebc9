import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "@splatt/local/local-machine";
import { execa } from "execa";

/** `npm test`: format and lint, types, then every test. Each check counts as one test. */

const CHECKS: readonly { readonly name: string; readonly command: readonly [string, ...string[]] }[] = [
  { name: "format and lint", command: ["biome", "ci", "."] },
  ...[
    "shared",
    "control-plane",
    "control-plane/client",
    "control-plane/embedded",
    "gpu-agent",
    "gpu-agent/cpu-trainer",
    "gpu-agent/formats",
    "gpu-agent/sample-clip",
    "scripts",
  ].map((project): { name: string; command: [string, ...string[]] } => ({
    name: `types of ${project}`,
    command: ["tsc", "-p", project],
  })),
];

interface Count {
  readonly passed: number;
  readonly failed: number;
}

async function runChecks(): Promise<Count> {
  let passed = 0;
  for (const { name, command } of CHECKS) {
    const [file, ...args] = command;
    const { exitCode, all } = await execa(file, args, {
      cwd: ROOT,
      preferLocal: true,
      all: true,
      reject: false,
    });
    console.log(`${exitCode === 0 ? "ok    " : "FAILED"} ${name}`);
    if (exitCode === 0) passed += 1;
    else console.log(all);
  }
  return { passed, failed: CHECKS.length - passed };
}

async function runVitest(args: readonly string[]): Promise<Count> {
  const dir = await mkdtemp(join(tmpdir(), "splatt-test-"));
  const report = join(dir, "report.json");
  try {
    const { exitCode } = await execa(
      "vitest",
      [
        "run",
        "--config",
        "scripts/vitest.config.ts",
        "--reporter=default",
        "--reporter=json",
        `--outputFile=${report}`,
        ...args,
      ],
      { cwd: ROOT, preferLocal: true, stdio: "inherit", reject: false },
    );
    const counted = JSON.parse(await readFile(report, "utf8")) as {
      numPassedTests: number;
      numFailedTests: number;
    };
    // A file that does not even load has no failed tests, but vitest's exit code tells.
    const failed = exitCode === 0 ? 0 : Math.max(1, counted.numFailedTests);
    return { passed: counted.numPassedTests, failed };
  } catch (error) {
    console.log(error);
    return { passed: 0, failed: 1 };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

const filters = process.argv.slice(2);
const checks = filters.length === 0 ? await runChecks() : { passed: 0, failed: 0 };
const tests = await runVitest(filters);
const failed = checks.failed + tests.failed;
console.log(`\n${checks.passed + tests.passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
