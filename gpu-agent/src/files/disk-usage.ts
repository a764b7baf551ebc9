import { lstat, readdir, statfs } from "node:fs/promises";
import { join } from "node:path";

const BLOCK_BYTES = 512;

/** Sums the disk usage of files. A file with several hard links counts once, where it is found first. */
export class DiskUsage {
  readonly #seen = new Set<string>();

  /** Bytes of a file or a folder's contents; 0 for a file that is missing or disappears meanwhile. */
  async of(path: string): Promise<number> {
    const stat = await lstat(path).catch(() => null);
    if (stat === null) return 0;
    if (stat.nlink > 1 && !stat.isDirectory()) {
      const file = `${stat.dev}:${stat.ino}`;
      if (this.#seen.has(file)) return 0;
      this.#seen.add(file);
    }
    let bytes = stat.blocks * BLOCK_BYTES;
    if (!stat.isDirectory()) return bytes;
    for (const name of await readdir(path).catch(() => [])) bytes += await this.of(join(path, name));
    return bytes;
  }
}

/** Free space for this user on a folder's disk. */
export async function freeDiskBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}
