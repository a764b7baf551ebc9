import { readFile, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { lockFile } from "@splatt/shared/file-lock";
import { makeFolder } from "@splatt/shared/folders";
import { z } from "zod";
import { isRunning, procStat } from "./proc-stat.ts";

/** How long another process may need to look who holds a lock and take it. */
const GATE_PATIENCE_MS = 5000;

const Holder = z.object({ pid: z.int(), startTime: z.number() });

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
      await writeFile(this.#path, JSON.stringify({ pid: process.pid, startTime }));
      return true;
    } finally {
      if (gate !== "taken") gate?.close();
    }
  }

  /** The id of the process that holds the lock; null for none. */
  async holder(): Promise<number | null> {
    const { pid, startTime } = (await readHolder(this.#path)) ?? { pid: 0, startTime: 0 };
    // The system may have reused the id for a later process.
    return pid > 0 && isRunning(pid) && procStat(pid)?.startTime === startTime ? pid : null;
  }

  async release(): Promise<void> {
    // On a disk that fails it stays, and says who held the folder; the next process takes it over.
    await rm(this.#path, { force: true }).catch(() => undefined);
  }
}

/** @returns null without a file, or with one that is damaged */
async function readHolder(path: string): Promise<z.infer<typeof Holder> | null> {
  try {
    return Holder.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    return null;
  }
}
