import { readFileSync } from "node:fs";

export interface ProcStat {
  /** One letter: R running, S sleeping, Z zombie … */
  readonly state: string;
  /** Clock ticks after boot. Pid and start time together name a process for good; pids are used again. */
  readonly startTime: number;
}

/** What Linux's /proc says of a process; null when there is none, or on another system. See proc(5). */
export function procStat(pid: number): ProcStat | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command's name comes second, in parentheses, and may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0] ?? "", startTime: Number(fields[19]) };
  } catch {
    return null;
  }
}

/** Whether a process still runs; a zombie, which only waits to be reaped, does not. */
export function isRunning(pid: number): boolean {
  const stat = procStat(pid);
  return stat !== null && stat.state !== "Z";
}
