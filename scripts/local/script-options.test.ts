import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

const run = async (script: string, option: string, ...args: string[]) => {
  const { exitCode, stdout, stderr } = await execa("node", [script, ...args, option], {
    cwd: ROOT,
    reject: false,
  });
  return { exitCode, stdout, stderr };
};

it.each(["start", "test", "simulation/simulate"])(
  "%s refuses an option that it does not have, with its usage",
  async (script) => {
    expect(await run(`scripts/${script}.ts`, "--nonsense")).toEqual({
      ...{ exitCode: 2, stdout: "" },
      stderr: expect.stringMatching(/^Unknown option '--nonsense'\.\n\nUsage: npm /),
    });
  },
);

it("a script prints its usage, and does nothing else", async () => {
  expect(await run("scripts/simulation/simulate.ts", "--help")).toEqual({
    ...{ exitCode: 0, stderr: "" },
    stdout: expect.stringMatching(/^Usage: npm run simulate .*--seeds/s),
  });
});

it("so does a benchmark", async () => {
  expect(await run("scripts/bench/bench.ts", "--help", "door")).toEqual({
    ...{ exitCode: 0, stderr: "" },
    stdout: expect.stringMatching(/^`npm run bench -- door \[--mib /),
  });
  expect(await run("scripts/bench/bench.ts", "--nonsense", "door")).toEqual({
    ...{ exitCode: 2, stdout: "" },
    stderr: "Unknown option '--nonsense'.\n\nIts options: npm run bench -- door --help",
  });
});
