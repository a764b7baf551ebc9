import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { lockFile } from "@splatt/shared/file-lock";
import { parseProcStat } from "@splatt/shared/processes";

/** Pid and start time together uniquely identify a process. */
interface NotedProcess {
  readonly pid: number;
  readonly startTime: number;
}

/**
 * Makes this process the only one that uses a data folder. A second one would end the runtime of the first, and remove
 * the files that are arriving there. The operating system releases the lock of a process that ends in any way; the note
 * beside it only tells others who holds it.
 *
 * @returns what leaves the folder
 * @throws when another process uses it
 */
export async function enterFolder(dataDir: string): Promise<() => Promise<void>> {
  const notePath = join(dataDir, "launcher.json");
  const refuse = (who: string) => {
    const what = `another control plane${who} uses the folder ${dataDir}`;
    throw new Error(`${what}. Stop it, or set DATA_DIR to another folder.`);
  };
  // An earlier version has the note alone.
  for (const other of await readNote(notePath)) {
    if (other.pid !== process.pid && (await isRunning(other))) refuse(` (process ${other.pid})`);
  }
  const lock = lockFile(join(dataDir, "launcher.lock"));
  if (lock === "taken") return refuse("");
  const own = await statOf("self");
  // A disk that takes no writes has its own message.
  if (own !== null) await writeFile(notePath, JSON.stringify([own])).catch(() => undefined);
  return async () => {
    await rm(notePath, { force: true }).catch(() => undefined);
    lock?.close();
  };
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

async function statOf(pid: number | "self") {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
  return text === null ? null : parseProcStat(text);
}
