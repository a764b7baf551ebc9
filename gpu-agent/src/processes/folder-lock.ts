import { constants } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { lockFile } from "@splatt/shared/file-lock";
import { makeFolder } from "@splatt/shared/folders";
import { z } from "zod";
import { isRunning, procStat } from "./proc-stat.ts";

/** How long another process may need to look who holds a lock and take it. */
const GATE_PATIENCE_MS = 5000;

const Holder = z.object({ pid: z.int(), startTime: z.number() });
type Holder = z.infer<typeof Holder>;

const NOBODY: Holder = { pid: 0, startTime: 0 };
/** Every record has this length, so that none leaves the end of another. */
const RECORD_BYTES = 128;

/** A file that names the one process that may use a folder. A killed process's leftover file does not lock it. */
export class FolderLock {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** @returns false when another process holds it */
  async take(): Promise<boolean> {
    await makeFolder(dirname(this.#path));
    // Several may look and take it at once after a crash.
    const gate = lockFile(`${this.#path}.gate`, GATE_PATIENCE_MS);
    try {
      const holder = await this.holder();
      if (holder !== null && holder !== process.pid) return false;
      const startTime = procStat(process.pid)?.startTime ?? 0;
      await writeHolder(this.#path, { pid: process.pid, startTime });
      return true;
    } finally {
      if (gate !== "taken") gate?.close();
    }
  }

  /** The id of the process that holds the lock; null for none. */
  async holder(): Promise<number | null> {
    const { pid, startTime } = (await readHolder(this.#path)) ?? NOBODY;
    // The system may have reused the id for a later process.
    return pid > 0 && isRunning(pid) && procStat(pid)?.startTime === startTime ? pid : null;
  }

  async release(): Promise<void> {
    // On a disk that fails it stays, and says who held the folder; the next process takes it over.
    await writeHolder(this.#path, NOBODY).catch(() => undefined);
  }
}

/** Overwrites the file where it is: that needs no space, so a process can start on a full disk, and free it. */
async function writeHolder(path: string, holder: Holder): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT, 0o600);
  try {
    await file.write(JSON.stringify(holder).padEnd(RECORD_BYTES), 0);
  } finally {
    await file.close();
  }
}

/** @returns null without a file, or with one that is damaged */
async function readHolder(path: string): Promise<Holder | null> {
  try {
    return Holder.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    return null;
  }
}
