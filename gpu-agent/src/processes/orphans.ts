import { readdir, readFile } from "node:fs/promises";
import { isRunning } from "./proc-stat.ts";

/** Children inherit this variable, so that what a killed agent left running is found by it. */
export const FOLDER_MARK = "SPLATT_WORKSPACE";

/** From now on this process's children can be told by the folder that they work in. */
export function markChildren(folder: string): void {
  process.env[FOLDER_MARK] = folder;
}

/**
 * Ends what a process that was killed left running in a folder. Only sensible under the folder's lock.
 *
 * @returns how many processes there were
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
