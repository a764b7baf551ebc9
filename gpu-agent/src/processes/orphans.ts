import { readdir, readFile } from "node:fs/promises";
import { isRunning } from "./proc-stat.ts";

/** Children inherit this variable, which identifies the orphans of a killed agent. */
export const FOLDER_MARK = "SPLATT_WORKSPACE";

/** Marks this process's future children with the folder that they work in. */
export function markChildren(folder: string): void {
  process.env[FOLDER_MARK] = folder;
}

/**
 * Kills the orphans of a killed process in a folder. Call only while holding the folder's lock.
 *
 * @returns the number of processes killed
 */
export function killOrphans(folder: string): Promise<number> {
  return killMarked(FOLDER_MARK, folder);
}

/**
 * Kills all processes that have a variable in their environment, whatever their group, session or parent. Linux only.
 *
 * @returns the number of processes killed
 */
export async function killMarked(name: string, value: string): Promise<number> {
  const mark = `${name}=${value}`;
  let killed = 0;
  for (const entry of await readdir("/proc").catch(() => [])) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
    if (environment.split("\0").includes(mark) && isRunning(pid) && kill(pid)) killed += 1;
  }
  return killed;
}

/** @returns false when the process has already ended */
function kill(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch {
    return false;
  }
}
