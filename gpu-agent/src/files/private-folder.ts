import { chmod, lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { makeFolder } from "@splatt/shared/folders";

/** The permissions of users other than the owner. */
const OTHERS = 0o077;

/** Makes files that this process and its children create private to this user. */
export function createPrivateFilesOnly(): void {
  process.umask(OTHERS);
}

/**
 * Creates a folder, or closes an existing one and everything in it to other users. Does not follow symbolic links in
 * it.
 */
export async function makeFolderPrivate(folder: string): Promise<void> {
  await makeFolder(folder, 0o700);
  // The folder itself may be a link, so lstat would not do.
  const { mode } = await lstat(join(folder, "."));
  if ((mode & OTHERS) === 0) return;
  // The folder first, so that its contents are out of reach meanwhile.
  await chmod(folder, mode & 0o7777 & ~OTHERS);
  await closeContents(folder);
}

async function closeContents(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isSymbolicLink()) continue;
    // A file that disappears or belongs to another user must not stop the rest.
    const stat = await lstat(path).catch(() => null);
    if (stat !== null && (stat.mode & OTHERS) !== 0)
      await chmod(path, stat.mode & 0o7777 & ~OTHERS).catch(() => undefined);
    if (entry.isDirectory()) await closeContents(path).catch(() => undefined);
  }
}
