import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/**
 * Makes an executable from one of the fakes, which run as: node SCRIPT FOLDER ARGUMENTS…
 *
 * @param folder where the fake finds its scenario.json and leaves its calls.jsonl
 */
export async function installFake(file: string, script: string, folder: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  // The agent passes its children only the variables that they need.
  const cache = `NODE_COMPILE_CACHE='${process.env.NODE_COMPILE_CACHE ?? ""}'`;
  await writeFile(file, `#!/bin/sh\n${cache} exec '${process.execPath}' '${script}' '${folder}' "$@"\n`);
  await chmod(file, 0o755);
}

export async function setScenario(folder: string, scenario: object): Promise<void> {
  await writeFile(join(folder, "scenario.json"), JSON.stringify(scenario));
}

/** What the fake was called with, in order. */
export async function callsOf<Call>(folder: string): Promise<Call[]> {
  const lines = await readFile(join(folder, "calls.jsonl"), "utf8").catch(() => "");
  return lines
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Call);
}
