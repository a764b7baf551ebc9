import { readFileSync } from "node:fs";
import { type ProcStat, parseProcStat } from "@splatt/shared/processes";

/** A process's entry in Linux's /proc; null without such a process or on another system. */
export function procStat(pid: number): ProcStat | null {
  try {
    return parseProcStat(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return null;
  }
}

/** Whether a process still runs; a zombie, which only waits to be reaped, does not. */
export function isRunning(pid: number): boolean {
  const stat = procStat(pid);
  return stat !== null && stat.state !== "Z";
}
