export interface ProcStat {
  readonly pid: number;
  /** The program's name, cut to 15 characters. */
  readonly command: string;
  /** One letter: R running, S sleeping, Z zombie … */
  readonly state: string;
  /** Clock ticks after boot. Pid and start time together name a process for good; pids are used again. */
  readonly startTime: number;
}

/** Reads what Linux shows in /proc/PID/stat; see proc(5). The name may itself hold spaces and parentheses. */
export function parseProcStat(text: string): ProcStat | null {
  const match = text.match(/^(\d+) \((.*)\) (\S) (.*)$/s);
  if (match === null) return null;
  const [, pid, command = "", state = "", rest = ""] = match;
  return { pid: Number(pid), command, state, startTime: Number(rest.split(" ")[18]) };
}
