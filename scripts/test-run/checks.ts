import { glob } from "node:fs/promises";
import { dirname } from "node:path";
import { execa } from "execa";
import { NOTHING, sum, type Tally } from "./tally.ts";

/** A command that passes or fails as a whole. */
export interface Check {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
}

export const LINT: Check = { name: "format and lint", command: ["biome", "ci", "."] };

/**
 * One check for each tsconfig.json below `root`. On one thread: further ones make the same types again. The whole takes
 * half of the processor time.
 */
export async function typeChecks(root: string): Promise<Check[]> {
  const exclude = (name: string) => name.includes("node_modules");
  const projects: string[] = [];
  for await (const config of glob("**/tsconfig.json", { cwd: root, exclude })) projects.push(dirname(config));
  return projects
    .toSorted()
    .map((project) => ({ name: `types of ${project}`, command: ["tsc", "-p", project, "--singleThreaded"] }));
}

/** The compiler is a Go program: its memory is collected less often, which takes a seventh more of it. */
const ENVIRONMENT = { GOGC: "400" };

/** Runs checks one after another and prints the output of failed ones. */
export async function runChecks(
  checks: readonly Check[],
  root: string,
  print: (text: string) => void = console.log,
): Promise<Tally> {
  let tally = NOTHING;
  for (const { name, command } of checks) {
    const [file, ...args] = command;
    const options = { cwd: root, env: ENVIRONMENT, preferLocal: true, all: true, reject: false } as const;
    const { failed, all } = await execa(file, args, options);
    print(`${failed ? "FAILED" : "ok    "} ${name}`);
    if (failed) print(all);
    tally = sum(tally, { passed: failed ? 0 : 1, failed: failed ? 1 : 0, skipped: 0 });
  }
  return tally;
}
