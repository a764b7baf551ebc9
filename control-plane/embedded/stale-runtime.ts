import { readFile, rm, writeFile } from "node:fs/promises";
import { parseProcStat } from "@splatt/shared";

/**
 * workerd outlives a launcher that was killed with SIGKILL, and keeps its port and the database locked. So the
 * launcher notes which process it started; pid and start time together name a process for good.
 */
export async function noteRuntime(path: string): Promise<void> {
  const children = await readFile(`/proc/self/task/${process.pid}/children`, "utf8").catch(() => "");
  const stats = await Promise.all(children.split(" ").filter(Boolean).map(Number).map(statOf));
  const runtimes = stats.filter((stat) => stat?.command === "workerd");
  await writeFile(path, JSON.stringify(runtimes));
}

/** Ends what a launcher before this one left running. */
export async function endStaleRuntime(path: string): Promise<void> {
  const noted = await readFile(path, "utf8").catch(() => null);
  if (noted === null) return;
  for (const { pid, startTime } of JSON.parse(noted) as { pid: number; startTime: number }[]) {
    const running = await statOf(pid);
    if (running?.startTime === startTime && running.state !== "Z") process.kill(pid, "SIGKILL");
  }
  await rm(path, { force: true });
}

async function statOf(pid: number) {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
  return text === null ? null : parseProcStat(text);
}
