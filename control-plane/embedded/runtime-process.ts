import { readFile, rm, writeFile } from "node:fs/promises";
import { parseProcStat } from "@splatt/shared/processes";

/** Pid and start time together uniquely identify a process. */
interface NotedProcess {
  readonly pid: number;
  readonly startTime: number;
}

/**
 * Records the runtime that this process started, for itself and for a later launcher: workerd outlives a launcher
 * killed with SIGKILL, and keeps its port and the database locked.
 *
 * @returns whether a runtime was found; if not, an earlier record is kept
 */
export async function noteRuntime(path: string): Promise<boolean> {
  const children = await readFile(`/proc/self/task/${process.pid}/children`, "utf8").catch(() => "");
  const stats = await Promise.all(children.split(" ").filter(Boolean).map(Number).map(statOf));
  const runtimes = stats.filter((stat) => stat?.command === "workerd" && stat.state !== "Z");
  if (runtimes.length === 0) return false;
  await writeFile(path, JSON.stringify(runtimes));
  return true;
}

/** Whether the recorded runtime is still running. Assumed so where processes cannot be inspected. */
export async function isRuntimeRunning(path: string): Promise<boolean> {
  const noted = await readNote(path);
  return noted.length === 0 || (await Promise.all(noted.map(isRunning))).every(Boolean);
}

/** Kills a runtime left by an earlier launcher. */
export async function endStaleRuntime(path: string): Promise<void> {
  for (const runtime of await readNote(path)) {
    if (await isRunning(runtime)) process.kill(runtime.pid, "SIGKILL");
  }
  // It may stay on a disk that cannot be written: the start time tells a later process apart.
  await rm(path, { force: true }).catch(() => undefined);
}

/** A record truncated by a crash is ignored. */
async function readNote(path: string): Promise<NotedProcess[]> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as NotedProcess[];
  } catch {
    return [];
  }
}

async function isRunning({ pid, startTime }: NotedProcess): Promise<boolean> {
  const stat = await statOf(pid);
  return stat?.startTime === startTime && stat.state !== "Z";
}

async function statOf(pid: number) {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
  return text === null ? null : parseProcStat(text);
}
