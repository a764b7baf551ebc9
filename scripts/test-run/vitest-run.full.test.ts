import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runVitest } from "./vitest-run.ts";

const FIXTURES = join(import.meta.dirname, "testing", "fixtures");

/** Runs vitest on fixtures, in separate processes. */
function run(filters: readonly string[], config = "vitest.config.ts", testName?: string) {
  // The environment of the enclosing test run must not leak in.
  const environment = { VITEST: "", VITEST_POOL_ID: "", VITEST_WORKER_ID: "" };
  return runVitest({ config: join(FIXTURES, config), filters, testName, environment, isQuiet: true });
}

describe("a run of vitest", () => {
  it("counts passed tests and each kind of failure", async () => {
    expect(await run(["passes", "fails.", "does-not-load", "fails-in-hook"])).toEqual({
      passed: 1,
      failed: 4,
      skipped: 2,
    });
  });

  it("runs only the tests whose names match", async () => {
    const name = "fails too";
    expect(await run(["fails."], "vitest.config.ts", name)).toEqual({ passed: 0, failed: 1, skipped: 1 });
  });

  it.each(["rejects-unhandled", "dies"])("does not hide a file that %s", async (name) => {
    expect((await run(["passes", name])).failed).toBeGreaterThan(0);
  });

  it("fails when the set-up fails", async () => {
    expect(await run(["passes"], "broken-set-up.config.ts")).toMatchObject({ passed: 0, failed: 1 });
  });

  it("fails when no file matches", async () => {
    expect(await run(["nothing-has-this-name"])).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });
});
