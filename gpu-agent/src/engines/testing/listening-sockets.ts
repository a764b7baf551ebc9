import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

/** The state of a listening socket in /proc/net/tcp. */
const LISTEN = "0A";

/** How many TCP sockets the processes that work in `dir` listen on. Linux only. */
export function listeningSockets(dir: string): number {
  const listening = new Set(
    ["tcp", "tcp6"].flatMap((name) =>
      readFileSync(`/proc/net/${name}`, "utf8")
        .split("\n")
        .map((line) => line.trim().split(/\s+/))
        .filter((columns) => columns[3] === LISTEN)
        .map((columns) => `socket:[${columns[9]}]`),
    ),
  );
  const processes = readdirSync("/proc").filter((pid) => linkAt(`/proc/${pid}/cwd`) === dir);
  if (processes.length === 0) throw new Error(`No process works in ${dir}`);
  return processes.flatMap((pid) => openFiles(pid)).filter((file) => listening.has(file)).length;
}

function openFiles(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => linkAt(join(`/proc/${pid}/fd`, fd)));
  } catch {
    return [];
  }
}

function linkAt(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
