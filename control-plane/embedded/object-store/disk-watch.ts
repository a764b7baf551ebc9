import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { access, open, rm, stat, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { errnoCode } from "@splatt/shared";
import type { StorageState } from "../../src/storage/storage-state.ts";

const LOOK_INTERVAL_MS = 1000;
/** The interval of write probes on a healthy disk; an unhealthy one is probed at every check. */
const PROBE_INTERVAL_MS = 15_000;
const PROBE_PATIENCE_MS = 200;
const SLOW_MS = 2000;
const MIB = 1024 * 1024;
/** Reserved for the databases' growth and not used by uploads: this much, or a fraction of a small disk. */
const UPLOAD_RESERVE = { bytes: 256 * MIB, share: 0.05 };
/** Below this, requests that add data are refused. */
const FULL = { bytes: 32 * MIB, share: 0.04 };
/** A ballast file, deleted when the disk is full: SQLite needs space even to open a database for reading. */
const BALLAST = { bytes: 16 * MIB, share: 0.02 };
/** How long to wait for a write probe. */
const STUCK_MS = 10_000;

/** The result of one check of a disk. */
export interface DiskReading {
  readonly freeBytes: number;
  readonly totalBytes: number;
  /** The errno code of a write that failed, or null. */
  readonly writeError: string | null;
  /** How long the last write took, or has been taking. */
  readonly writeMs: number;
  /** Whether that write is still in progress. */
  readonly isWriting: boolean;
}

/** Names the state of a disk, or null when it works. */
export function judgeDisk(reading: DiskReading): StorageState | null {
  const { freeBytes, totalBytes, writeError, writeMs, isWriting } = reading;
  const free = `${Math.floor(freeBytes / MIB)} MiB free`;
  if (writeError === "ENOSPC" || writeError === "EDQUOT" || freeBytes < limitOf(FULL, totalBytes)) {
    return { kind: "full", message: `The disk of the control plane is full (${free}).` };
  }
  if (writeError === "EROFS" || writeError === "EACCES" || writeError === "EPERM") {
    return { kind: "read_only", message: `The data folder cannot be written (${writeError}).` };
  }
  if (writeError !== null) {
    return { kind: "failing", message: `Writing to the data folder fails with ${writeError}.` };
  }
  const seconds = Math.round(writeMs / 1000);
  if (isWriting && writeMs > STUCK_MS) {
    return { kind: "failing", message: `The disk hangs: writing 4 KiB has not finished after ${seconds} s.` };
  }
  if (writeMs > SLOW_MS) {
    return { kind: "slow", message: `The disk is slow: writing 4 KiB took ${seconds} s.` };
  }
  return null;
}

/** Whether an upload of `size` bytes leaves enough room for the databases. */
export function hasRoomFor(size: number, freeBytes: number, totalBytes: number): boolean {
  return freeBytes - size >= limitOf(UPLOAD_RESERVE, totalBytes);
}

function limitOf({ bytes, share }: typeof FULL, totalBytes: number): number {
  return Math.min(bytes, share * totalBytes);
}

/**
 * Watches the disk of a folder and reports its state. Recovers automatically when the disk does. Keeps a ballast file,
 * whose deletion frees space for the databases when other programs fill the disk.
 */
export class DiskWatch {
  readonly #dir: string;
  readonly #onChange: (state: StorageState | null) => void;
  #state: StorageState | null = null;
  #space = { freeBytes: Number.POSITIVE_INFINITY, totalBytes: Number.POSITIVE_INFINITY };
  #writeError: string | null = null;
  #writeMs = 0;
  #probedAt = Number.NEGATIVE_INFINITY;
  #probe: { readonly since: number; readonly done: Promise<void> } | null = null;
  #reserved = 0;
  #looking: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(dir: string, onChange: (state: StorageState | null) => void) {
    this.#dir = dir;
    this.#onChange = onChange;
  }

  get state(): StorageState | null {
    return this.#state;
  }

  async start(): Promise<void> {
    await this.look();
    this.#timer = setInterval(() => void this.look(), LOOK_INTERVAL_MS);
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    // It writes to the folder, which may belong to another process next.
    await this.#looking;
    await Promise.race([this.#probe?.done, sleep(PROBE_PATIENCE_MS)]);
  }

  /** Reserves space for an upload. @returns a function that releases it, or null when there is not enough */
  async reserve(size: number): Promise<(() => void) | null> {
    await Promise.race([this.#readSpace(), sleep(PROBE_PATIENCE_MS)]);
    const { freeBytes, totalBytes } = this.#space;
    if (!hasRoomFor(size + this.#reserved, freeBytes, totalBytes)) return null;
    this.#reserved += size;
    return () => {
      this.#reserved -= size;
    };
  }

  /** Records a failed write by other code, so that the state is known before the next check. */
  reportError(code: string): void {
    this.#writeError = code;
    this.#judge();
  }

  /** Updates the state. */
  look(): Promise<void> {
    this.#looking ??= this.#lookOnce().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  /** Updates the state from what the disk says now, with a write probe unless there was one within the last second. */
  async recheck(): Promise<void> {
    // One in progress may have read the disk before the failure that the caller has seen.
    await this.#looking;
    // Many requests may ask at once.
    if (performance.now() - this.#probedAt > LOOK_INTERVAL_MS) this.#probedAt = Number.NEGATIVE_INFINITY;
    return this.look();
  }

  async #lookOnce(): Promise<void> {
    // A disk that hangs may not even tell its free space.
    await Promise.race([this.#readSpace(), sleep(PROBE_PATIENCE_MS)]);
    const isDue = this.#state !== null || performance.now() - this.#probedAt > PROBE_INTERVAL_MS;
    if (isDue && this.#probe === null) {
      this.#probe = { since: performance.now(), done: this.#tryWrite() };
    }
    // A probe of a healthy disk finishes within the check. A hanging one is judged by its duration so far.
    await Promise.race([this.#probe?.done, sleep(PROBE_PATIENCE_MS)]);
    if (this.#probe !== null) this.#writeMs = performance.now() - this.#probe.since;
    this.#judge();
    if (this.#probe === null) await this.#trimBallast().catch(() => undefined);
  }

  async #trimBallast(): Promise<void> {
    const path = join(this.#dir, ".ballast");
    if (this.#state?.kind === "full") return rm(path, { force: true });
    const { freeBytes, totalBytes } = this.#space;
    const size = Math.floor(limitOf(BALLAST, totalBytes));
    if (this.#state !== null || freeBytes < size + 2 * limitOf(FULL, totalBytes)) return;
    const kept = await stat(path).catch(() => null);
    // Random, so that a compressing file system also reserves the full size.
    if (kept?.size !== size) await writeFile(path, randomBytes(size), { mode: 0o600 });
  }

  async #readSpace(): Promise<void> {
    try {
      const { bavail, blocks, bsize } = await statfs(this.#dir);
      this.#space = { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
    } catch {
      // The write probe reports what is wrong with a folder that cannot be read.
    }
  }

  async #tryWrite(): Promise<void> {
    const path = join(this.#dir, ".disk-probe");
    const began = performance.now();
    try {
      await access(this.#dir, constants.W_OK);
      const file = await open(path, "w", 0o600);
      try {
        await file.write(Buffer.alloc(4096));
        await file.datasync();
      } finally {
        await file.close();
      }
      await rm(path);
      this.#writeError = null;
    } catch (error) {
      this.#writeError = errnoCode(error);
    } finally {
      this.#probedAt = performance.now();
      this.#writeMs = this.#probedAt - began;
      this.#probe = null;
    }
  }

  #judge(): void {
    const state = judgeDisk({
      ...this.#space,
      writeError: this.#writeError,
      writeMs: this.#writeMs,
      isWriting: this.#probe !== null,
    });
    const isNews = state?.kind !== this.#state?.kind;
    this.#state = state;
    if (isNews) this.#onChange(state);
  }
}
