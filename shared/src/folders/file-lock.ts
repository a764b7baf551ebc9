import { DatabaseSync } from "node:sqlite";

const SQLITE_BUSY = 5;

/**
 * Locks a file for this process; closing what it returns unlocks it. The operating system releases the lock of a
 * process that ends in any way.
 *
 * @param waitMs how long to wait, blocking the thread, for another process that holds it
 * @returns null on a disk that has no locks, or that cannot be written
 */
export function lockFile(path: string, waitMs = 0): DatabaseSync | "taken" | null {
  let file: DatabaseSync | null = null;
  try {
    file = new DatabaseSync(path, { timeout: waitMs });
    file.exec("BEGIN EXCLUSIVE");
    return file;
  } catch (error) {
    file?.close();
    return error instanceof Error && "errcode" in error && error.errcode === SQLITE_BUSY ? "taken" : null;
  }
}
