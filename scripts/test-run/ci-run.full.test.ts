import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "@splatt/local/local-machine";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

/** `.ci/run` in a project with two fake test commands. */

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-ci-"));
  await mkdir(join(dir, ".ci"));
  await cp(join(ROOT, ".ci", "run"), join(dir, ".ci", "run"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function run(test: string, full: string) {
  await writeFile(join(dir, "package.json"), JSON.stringify({ scripts: { test, "test:full": full } }));
  const { exitCode, stdout } = await execa(join(dir, ".ci", "run"), { reject: false });
  return { exitCode, lastLine: stdout.split("\n").at(-1) };
}

const prints = (line: string, exitCode = 0) => `echo '${line}'; exit ${exitCode}`;

describe(".ci/run", () => {
  it.each([
    ["both pass", prints("3 passed, 0 failed"), prints("2 passed, 0 failed"), 0, "5 passed, 0 failed"],
    [
      "the first fails",
      prints("3 passed, 1 failed", 1),
      prints("2 passed, 0 failed"),
      1,
      "5 passed, 1 failed",
    ],
    ["both fail", prints("3 passed, 1 failed", 1), prints("0 passed, 2 failed", 1), 1, "3 passed, 3 failed"],
    ["one counts nothing", "exit 0", prints("2 passed, 0 failed"), 1, "2 passed, 1 failed"],
    ["one crashes without a count", "kill -9 $$", prints("2 passed, 0 failed"), 1, "2 passed, 1 failed"],
    [
      "one crashes after its count",
      prints("3 passed, 0 failed", 139),
      prints("2 passed, 0 failed"),
      1,
      "5 passed, 1 failed",
    ],
    [
      "a test prints a count too",
      prints("9 passed, 0 failed\n3 passed, 1 failed", 1),
      "exit 7",
      1,
      "3 passed, 2 failed",
    ],
  ])("when %s, prints the sum and sets the exit code", async (_, test, full, exitCode, lastLine) => {
    expect(await run(test, full)).toEqual({ exitCode, lastLine });
  });

  it("repeats at the end what failed", async () => {
    const failure = " FAIL  shared > adds\nAssertionError: 1 is not 2\n1 passed, 1 failed";
    await writeFile(join(dir, "suite.sh"), `cat <<.\n${failure}\n.\nexit 1`);
    const full = `seq 100; ${prints("1 passed, 0 failed")}`;
    await writeFile(
      join(dir, "package.json"),
      JSON.stringify({ scripts: { test: "sh suite.sh", "test:full": full } }),
    );
    const { stdout } = await execa(join(dir, ".ci", "run"), { reject: false });
    expect(stdout).toContain(`Failed in npm run test:\n${failure}\n2 passed, 1 failed`);
  });

  it("counts a failed set-up", async () => {
    await writeFile(
      join(dir, "package.json"),
      JSON.stringify({
        scripts: {
          pretest: "exit 1",
          test: prints("3 passed, 0 failed"),
          "test:full": prints("1 passed, 0 failed"),
        },
      }),
    );
    const { exitCode, stdout } = await execa(join(dir, ".ci", "run"), { reject: false });
    expect([exitCode, stdout.split("\n").at(-1)]).toEqual([1, "1 passed, 1 failed"]);
  });
});
