import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { type FileHandle, mkdir, open, rm, statfs, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errnoCode } from "@splatt/shared";

const MIB = 1024 * 1024;
/** More than a job needs to be taken; written blocks alone use memory. */
const DISK_BYTES = 4096 * MIB;
const MEMORY_BYTES = 768 * MIB;
/** EXT4_IOC_SHUTDOWN, without a flush of the log. */
const SHUT_DOWN = `
import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack("I", 2))`;
const FILLER_REST = 8 * MIB;

/**
 * A separate file system on a loop device in memory, to be filled, turned read-only, failed or frozen. Needs root on
 * Linux.
 */
export class FaultyDisk {
  readonly path: string;
  /** Holds the disk's image, and can be filled. */
  readonly #below: string;
  readonly #dir: string;
  #isFrozen = false;
  #isMounted = false;

  private constructor(dir: string) {
    this.#dir = dir;
    this.#below = join(dir, "below");
    this.path = join(dir, "disk");
  }

  static async make(parent: string): Promise<FaultyDisk> {
    const disk = new FaultyDisk(mkdtempSync(join(parent, "faulty-disk-")));
    await mkdir(disk.#below);
    await mkdir(disk.path);
    run("mount", "-t", "tmpfs", "-o", `size=${MEMORY_BYTES}`, "tmpfs", disk.#below);
    await writeFile(disk.#image, "");
    await truncate(disk.#image, DISK_BYTES);
    run("mkfs.ext4", "-q", "-F", "-m", "0", disk.#image);
    disk.mount();
    return disk;
  }

  mount(): void {
    run("mount", "-o", "loop,errors=continue", this.#image, this.path);
    this.#isMounted = true;
  }

  unmount(): void {
    if (this.#isMounted) run("umount", this.path);
    this.#isMounted = false;
  }

  /** Takes all its space: a stage that writes little must not fit in what is left. */
  async fill(): Promise<void> {
    const { bavail, bsize } = await statfs(this.path);
    // The file system needs some of the space to describe the filler.
    run("fallocate", "-l", String(bavail * bsize - FILLER_REST), this.#filler);
    const rest = await open(`${this.#filler}.rest`, "w");
    try {
      for (const bytes of [1024 * 1024, 64 * 1024, 4096]) await writeUntilFull(rest, Buffer.alloc(bytes));
    } finally {
      await rest.close();
    }
  }

  async empty(): Promise<void> {
    await rm(this.#filler, { force: true });
    await rm(`${this.#filler}.rest`, { force: true });
  }

  /** As the kernel does after an error. Ends with the next mount. */
  turnReadOnly(): void {
    run("sync", "--file-system", this.path);
    run("mount", "-o", "remount,abort", this.path);
  }

  /** As when a device is pulled out: EIO for every read and write, until the next mount. */
  fail(): void {
    run("sync", "--file-system", this.path);
    run("python3", "-c", SHUT_DOWN, this.path);
  }

  /** Every write waits until `thaw()`. */
  freeze(): void {
    run("fsfreeze", "--freeze", this.path);
    this.#isFrozen = true;
  }

  thaw(): void {
    if (this.#isFrozen) run("fsfreeze", "--unfreeze", this.path);
    this.#isFrozen = false;
  }

  remove(): void {
    this.thaw();
    this.unmount();
    // The loop device lets go of its image a moment later.
    run("umount", "--lazy", this.#below);
    rmSync(this.#dir, { recursive: true });
  }

  get #image(): string {
    return join(this.#below, "image");
  }

  get #filler(): string {
    return join(this.path, "filler");
  }
}

/** Whether this machine lets the tests mount and freeze a file system. */
export async function canMakeDisks(): Promise<boolean> {
  try {
    const disk = await FaultyDisk.make(tmpdir());
    try {
      disk.freeze();
    } finally {
      disk.remove();
    }
    return true;
  } catch {
    return false;
  }
}

async function writeUntilFull(file: FileHandle, block: Buffer): Promise<void> {
  try {
    // A disk holds its writes back, and finds only then that they do not fit.
    for (;;) {
      await file.write(block);
      await file.datasync();
    }
  } catch (error) {
    if (errnoCode(error) !== "ENOSPC") throw error;
  }
}

function run(file: string, ...args: string[]): void {
  execFileSync(file, args, { stdio: ["ignore", "ignore", "pipe"] });
}
