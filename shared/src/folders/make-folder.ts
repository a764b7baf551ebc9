import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { errnoCode } from "../errno-code.ts";

/**
 * Creates a folder, and those above it. For folders that a person names: on a file system that answers "not found" to
 * every new name, such as /proc, Node's own `recursive` tries for ever.
 *
 * @param mode of the folders that are created
 */
export async function makeFolder(folder: string, mode = 0o777): Promise<void> {
  try {
    await mkdir(folder, { mode });
  } catch (error) {
    if (await isFolder(folder)) return;
    const parent = dirname(folder);
    if (errnoCode(error) !== "ENOENT" || parent === folder) throw error;
    // Also where the parent exists: another process may have created it since.
    await makeFolder(parent, mode);
    await mkdir(folder, { mode }).catch(async (error: unknown) => {
      if (!(await isFolder(folder))) throw error;
    });
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isDirectory() ?? false;
}

const PROBLEMS: Readonly<Record<string, string>> = {
  EEXIST: "it is not a folder, or a link that leads nowhere",
  ENOENT: "it cannot be created there",
  ENOTDIR: "a part of its path is not a folder",
  ELOOP: "its path is a loop of links",
  EACCES: "this user may not write there",
  EPERM: "this user may not write there",
  EROFS: "its file system is read-only",
  ENOSPC: "its disk is full",
  EDQUOT: "its disk is full",
  ENAMETOOLONG: "its name is too long",
};

/** What keeps a folder from being used, for people; null for an error that is not about folders. */
export function folderProblem(error: unknown): string | null {
  const code = errnoCode(error);
  const problem = PROBLEMS[code];
  return problem === undefined ? null : `${problem} (${code})`;
}
