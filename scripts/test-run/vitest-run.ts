import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { type Tally, tallyOf } from "./tally.ts";

export interface VitestRun {
  readonly config: string;
  /** Paths, or parts of paths, of the test files to run; all when empty. */
  readonly filters: readonly string[];
  /** A pattern for the tests' full names. */
  readonly testName?: string | undefined;
  readonly environment?: Readonly<Record<string, string>>;
  /** Whether vitest's own output is shown. */
  readonly isQuiet?: boolean;
}

/** Runs vitest in a separate process and counts its tests. */
export async function runVitest({
  config,
  filters,
  testName,
  environment = {},
  isQuiet = false,
}: VitestRun): Promise<Tally> {
  const dir = await mkdtemp(join(tmpdir(), "splatt-test-"));
  const report = join(dir, "report.json");
  try {
    const { exitCode } = await execa(
      "vitest",
      [
        "run",
        "--config",
        config,
        "--reporter=default",
        "--reporter=json",
        `--outputFile=${report}`,
        ...(testName === undefined ? [] : [`--testNamePattern=${testName}`]),
        ...filters,
      ],
      {
        preferLocal: true,
        localDir: import.meta.dirname,
        env: environment,
        stdio: isQuiet ? "ignore" : "inherit",
        reject: false,
      },
    );
    return tallyOf(await readJson(report), exitCode ?? null);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch {
    return null;
  }
}
