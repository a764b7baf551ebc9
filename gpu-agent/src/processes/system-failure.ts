import { type Failure, failure } from "@splatt/shared";

/** What an operating system's error means for a job; null when it is none of the machine's scarce things. */
export function systemFailure(error: unknown): Failure | null {
  if (!(error instanceof Error)) return null;
  const code = "code" in error ? String(error.code) : "";
  if (code === "ENOSPC" || code === "EDQUOT") return failure("disk_full", error.message);
  const isMemory = code === "ENOMEM" || code === "ERR_WORKER_OUT_OF_MEMORY" || NO_MEMORY.test(error.message);
  return isMemory ? failure("out_of_memory", error.message) : null;
}

/** Like `systemFailure`, for what a tool printed before it gave up. */
export function systemFailureInOutput(line: string): Failure | null {
  if (DISK_FULL.test(line)) return failure("disk_full", line.trim());
  return BAD_ALLOC.test(line) ? failure("out_of_memory", line.trim()) : null;
}

const NO_MEMORY = /could not allocate memory|Array buffer allocation failed|WebAssembly\.Memory\(\)/;
/** The kernel's own words, and SQLite's, which COLMAP keeps its database in. */
const DISK_FULL = /No space left on device|Disk quota exceeded|database or disk is full/i;
const BAD_ALLOC = /std::bad_alloc|Cannot allocate memory/;
