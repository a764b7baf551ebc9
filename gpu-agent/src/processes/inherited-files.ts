import { closeSync, readdirSync, readFileSync } from "node:fs";

const OWN_FILES = 3;
/** The flag of `open` for files that no child inherits, on every Linux. */
const O_CLOEXEC = 0o2000000;

/**
 * Closes what the program that started this one left open, beyond the standard files: every child would inherit it, a
 * decoder in its sandbox too. Node's own files are not inherited. Called first of all. Does nothing without /proc.
 */
export function closeInheritedFiles(): void {
  for (const fd of openFiles()) {
    if (fd < OWN_FILES || String(fd) === process.env.NODE_CHANNEL_FD) continue;
    try {
      const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1];
      if (flags !== undefined && (Number.parseInt(flags, 8) & O_CLOEXEC) === 0) closeSync(fd);
    } catch {
      // Closed already: the folder was read through it.
    }
  }
}

function openFiles(): number[] {
  try {
    return readdirSync("/proc/self/fd").map(Number);
  } catch {
    return [];
  }
}
