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
export async function killOrphans(folder: string): Promise<number> {
  const mark = `${FOLDER_MARK}=${folder}`;
  let killed = 0;
  for (const name of await readdir("/proc").catch(() => [])) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
    if (!environment.split("\0").includes(mark) || !isRunning(pid)) continue;
    process.kill(pid, "SIGKILL");
    killed += 1;
  }
  return killed;
}
