import { spawnSync } from "node:child_process";
import { chmod, readdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";

const CALLS = "trace=open,openat,openat2,connect,bind,sendto,execve";

/** Whether strace is installed and may watch processes. */
export const straceWorks = spawnSync("strace", ["-o", "/dev/null", "true"]).status === 0;

/**
 * A program in `dir` that runs another one and writes down which files it opens and whom it connects to; the other one
 * itself where strace does not work.
 */
export async function watched(program: string, dir: string): Promise<string> {
  if (!straceWorks) return program;
  const path = join(dir, `watched-${basename(program)}`);
  await writeFile(
    path,
    `#!/bin/sh\nexec strace -f -qq -e ${CALLS} -e signal=none -o "${dir}/calls-$$" "${program}" "$@"\n`,
  );
  await chmod(path, 0o755);
  return path;
}

/** What the watched programs of `dir` called. */
export async function systemCalls(dir: string): Promise<string> {
  const logs = (await readdir(dir)).filter((name) => name.startsWith("calls-"));
  return (await Promise.all(logs.map((name) => readFile(join(dir, name), "utf8")))).join("");
}

/** The paths that were opened, or tried, as they were named. */
export function openedIn(calls: string): Set<string> {
  const found = [...calls.matchAll(/open(?:at2?)?\([^"]*"([^"]*)"/g)];
  return new Set(found.map((match) => match[1] ?? ""));
}
