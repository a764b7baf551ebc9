import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { resolve } from "node:path";
import { isRunning } from "./proc-stat.ts";

/** Children inherit this variable, which identifies the orphans of a killed agent. */
export const FOLDER_MARK = "SPLATT_WORKSPACE";

/** How many searches in a row must find nothing: a process that forks or starts a program meanwhile escapes one. */
const EMPTY_SEARCHES = 3;
/** Between those. On a busy machine starting a program takes this long. */
const PAUSE_MS = 10;
/** A program that forks faster than this many searches cannot be ended this way. */
const MAX_SEARCHES = 50;

/** Marks this process's future children with the folder that they work in. */
export function markChildren(folder: string): void {
  process.env[FOLDER_MARK] = markOf(folder);
}

/**
 * Kills the orphans of a killed process in a folder. Call only while holding the folder's lock.
 *
 * @returns the number of processes killed
 */
export function killOrphans(folder: string): number {
  return killMarked(FOLDER_MARK, markOf(folder));
}

/** A folder has one mark, however the settings name it. */
function markOf(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return resolve(folder);
  }
}

/**
 * Kills all processes that have a variable in their environment, whatever their group, session or parent. Linux only.
 *
 * @returns the number of processes killed
 */
export function killMarked(name: string, value: string): number {
  const mark = `${name}=${value}`;
  let killed = 0;
  let empty = 0;
  for (let search = 0; search < MAX_SEARCHES && empty < EMPTY_SEARCHES; search++) {
    const marked = markedProcesses(mark);
    empty = marked.length === 0 ? empty + 1 : 0;
    killed += marked.filter(kill).length;
    if (empty > 0 && empty < EMPTY_SEARCHES) pause(PAUSE_MS);
  }
  return killed;
}

/** Synchronous, because a search must be faster than programs fork. */
function markedProcesses(mark: string): number[] {
  if (!existsSync("/proc/self/environ")) return [];
  const pids = readdirSync("/proc").map(Number).filter(Number.isInteger);
  return pids.filter((pid) => pid !== process.pid && environmentOf(pid).includes(mark) && isRunning(pid));
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    // It has ended, or belongs to another user.
    return [];
  }
}

/** Synchronous, like the search. */
function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** @returns false when the process has already ended */
function kill(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch {
    return false;
  }
}
