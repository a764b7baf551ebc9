import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { isRunning, procStat } from "./proc-stat.ts";

const Holder = z.object({ pid: z.int(), startTime: z.number() });

/** A file that names the one process that may use a folder. A killed process's leftover file does not lock it. */
export class FolderLock {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** @returns false when another process holds it */
  async take(): Promise<boolean> {
    await mkdir(dirname(this.#path), { recursive: true });
    const holder = await this.holder();
    if (holder !== null && holder !== process.pid) return false;
    const startTime = procStat(process.pid)?.startTime ?? 0;
    await writeFile(this.#path, JSON.stringify({ pid: process.pid, startTime }));
    return true;
  }

  /** The id of the process that holds the lock; null for none. */
  async holder(): Promise<number | null> {
    const text = await readFile(this.#path, "utf8").catch(() => null);
    if (text === null) return null;
    const { pid, startTime } = parseHolder(text) ?? { pid: 0, startTime: 0 };
    // The system may have reused the id for a later process.
    return pid > 0 && isRunning(pid) && procStat(pid)?.startTime === startTime ? pid : null;
  }

  async release(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}

function parseHolder(text: string): z.infer<typeof Holder> | null {
  try {
    return Holder.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
