import { chmod, lstat, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";

/** What others than the owner may do. */
const OTHERS = 0o077;

/** From now on only this user can open what this process and its children create. */
export function createPrivateFilesOnly(): void {
  process.umask(OTHERS);
}

/**
 * Closes a folder to other users, and makes it if it is missing. All that an older version left open in it is closed
 * too; symbolic links in it are not followed.
 */
export async function makeFolderPrivate(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // The folder itself may be a link, and lstat would see no more than that.
  const { mode } = await lstat(join(folder, "."));
  if ((mode & OTHERS) === 0) return;
  // First, so that nobody comes in meanwhile.
  await chmod(folder, mode & 0o7777 & ~OTHERS);
  await closeContents(folder);
}

async function closeContents(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isSymbolicLink()) continue;
    // What a job removes meanwhile, or another user owns, does not keep the rest open.
    const stat = await lstat(path).catch(() => null);
    if (stat !== null && (stat.mode & OTHERS) !== 0)
      await chmod(path, stat.mode & 0o7777 & ~OTHERS).catch(() => undefined);
    if (entry.isDirectory()) await closeContents(path).catch(() => undefined);
  }
}
