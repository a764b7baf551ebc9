import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { z } from "zod";

/** JSON Schema cannot say everything: that an address is public, or that an upload exists. */
const EXCLUDED_CHECKS = ["positive_data_acceptance"];

/** The part of Schemathesis' JSON report that is read. */
const Report = z.object({
  operations: z.object({ selected: z.int(), tested: z.int() }),
  test_cases: z.object({ generated: z.int() }),
  failures: z.array(z.unknown()),
  errors: z.array(z.unknown()),
});

export interface FuzzTarget {
  readonly url: string;
  readonly apiKey: string;
  /** The Worker's log. */
  readonly log: readonly string[];
}

export interface FuzzRun {
  readonly requests: number;
  /** What was found, for people; empty when nothing was. */
  readonly findings: readonly string[];
}

/**
 * Sends generated requests to an API, valid and invalid ones, as its own contract describes them.
 *
 * @param python a Python that has Schemathesis
 * @param examples how many requests each operation gets at most, in each phase
 */
export async function fuzzApi(
  python: string,
  { url, apiKey, log }: FuzzTarget,
  examples: number,
  seed: number,
): Promise<FuzzRun> {
  const dir = await mkdtemp(join(tmpdir(), "splatt-fuzz-"));
  try {
    const run = await execa(
      python,
      [
        ...[
          "-m",
          "schemathesis.cli",
          "--config-file",
          join(import.meta.dirname, "schemathesis.toml"),
          "run",
          `${url}/openapi.json`,
          "--header",
          `X-API-Key: ${apiKey}`,
        ],
        ...["--max-examples", String(examples), "--seed", String(seed)],
        ...["--checks", "all", "--exclude-checks", EXCLUDED_CHECKS.join(",")],
        ...["--suppress-health-check", "all", "--generation-database", "none", "--warnings", "off"],
        ...["--continue-on-failure", "--no-shrink", "--no-color"],
        // The time of an answer depends on the machine; only one that hangs is a failure.
        ...["--request-timeout", "60", "--max-response-time", "60"],
        ...["--report", "json", "--report-dir", dir],
      ],
      {
        cwd: dir,
        reject: false,
        all: true,
        env: { PYTHONUTF8: "1", PYTHONPATH: import.meta.dirname, PYTHONDONTWRITEBYTECODE: "1" },
      },
    );
    const [name = ""] = (await readdir(dir)).filter((file) => file.endsWith(".json"));
    if (name === "") return { requests: 0, findings: [run.all ?? "Schemathesis wrote no report."] };
    const report = Report.parse(JSON.parse(await readFile(join(dir, name), "utf8")));
    const isClean = run.exitCode === 0 && report.failures.length === 0 && report.errors.length === 0;
    const untested = report.operations.selected - report.operations.tested;
    return {
      requests: report.test_cases.generated,
      findings: [
        ...(isClean ? [] : [run.all ?? ""]),
        ...(untested === 0 ? [] : [`${untested} operations were not tested.`]),
        ...log.filter((line) => /error/i.test(line)).map((line) => `The Worker logged: ${line}`),
      ],
    };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
