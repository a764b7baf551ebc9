import { createWriteStream } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "@splatt/local/local-machine";
import { scriptOptions } from "@splatt/local/script-options";
import { execa } from "execa";
import { DebianRoot } from "./debian-root.ts";
import { demoOutcome, type PlatformResult, testOutcome, versionIn, withResults } from "./platform-table.ts";

const USAGE = `Usage: sudo npm run matrix [-- SUITE...] [options]

Runs the README's two commands on bare installations of Debian: builds each with debootstrap in a separate folder,
clones the last commit into it, and runs \`npm run demo\` and \`npm test\` there. Needs root, debootstrap and about
4 GB of disk per suite. Suites: bookworm (Debian 12), trixie (Debian 13), sid.

  --dir DIR     keep the installations and logs here, and reuse them (default: a temporary folder)
  --only WHAT   demo or test
  --write       write the results to docs/platforms.md`;

const PLATFORMS: Readonly<Record<string, string>> = {
  bookworm: "Debian 12",
  trixie: "Debian 13",
  sid: "Debian sid",
};
const DOCUMENT = join(ROOT, "docs", "platforms.md");

async function main(): Promise<number> {
  const { values, positionals } = scriptOptions(USAGE, {
    allowPositionals: true,
    options: {
      dir: { type: "string" },
      only: { type: "string" },
      write: { type: "boolean", default: false },
    },
  });
  const suites = positionals.length > 0 ? positionals : Object.keys(PLATFORMS);
  const unknown = suites.find((suite) => !Object.hasOwn(PLATFORMS, suite));
  if (unknown !== undefined) {
    console.error(`Unknown suite: ${unknown}\n\n${USAGE}`);
    return 2;
  }
  const problem = await unmetNeed();
  if (problem !== null) {
    console.error(problem);
    return 2;
  }
  const dir = values.dir ?? (await mkdtemp(join(tmpdir(), "splatt-matrix-")));
  await mkdir(dir, { recursive: true });
  const results: PlatformResult[] = [];
  try {
    for (const suite of suites) results.push(await runSuite(suite, dir, values.only));
  } finally {
    if (values.dir === undefined) await rm(dir, { recursive: true, force: true });
  }
  if (values.write) await writeFile(DOCUMENT, withResults(await readFile(DOCUMENT, "utf8"), results));
  console.log(withResults("<!-- matrix -->\n\n\n<!-- end -->", results));
  const good = (result: PlatformResult) =>
    !result.demo.startsWith("failed") && (result.test === "not run" || result.test.endsWith(", 0 failed"));
  return results.every(good) ? 0 : 1;
}

async function unmetNeed(): Promise<string | null> {
  if (process.getuid?.() !== 0) return "Building a root needs root: run this with sudo.";
  const { failed } = await execa("debootstrap", ["--version"], { reject: false });
  return failed ? "debootstrap is missing. Debian and Ubuntu: sudo apt-get install debootstrap" : null;
}

async function runSuite(suite: string, dir: string, only: string | undefined): Promise<PlatformResult> {
  const platform = PLATFORMS[suite] ?? suite;
  const logFile = join(dir, `${suite}.log`);
  const log = createWriteStream(logFile);
  const onOutput = (text: string) => log.write(text);
  console.log(`${platform}: building the installation (log: ${logFile})`);
  try {
    const { stdout: commit } = await execa("git", ["rev-parse", "--short", "HEAD"], { cwd: ROOT });
    const root = await DebianRoot.build(suite, join(dir, suite), onOutput);
    const ran = async (what: "demo" | "test", command: string, outcome: typeof demoOutcome) => {
      if (only !== undefined && only !== what) return "not run";
      console.log(`${platform}: ${command}`);
      const { exitCode, output } = await root.runInProject(command, onOutput);
      const said = outcome(exitCode, output);
      console.log(`${platform}: ${command}: ${said}`);
      return said;
    };
    const demo = await ran("demo", "npm run demo", demoOutcome);
    const test = await ran("test", "npm test", testOutcome);
    const version = async (command: string) => versionIn((await root.run(command, onOutput)).output);
    return {
      platform,
      date: new Date().toISOString().slice(0, 10),
      commit,
      node: await version("node --version"),
      ffmpeg: await version("ffmpeg -version"),
      colmap: await version("colmap -h"),
      demo,
      test,
    };
  } finally {
    log.end();
  }
}

process.exitCode = await main();
