import { mkdtemp, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { errorText } from "@splatt/shared";
import { makeFolder } from "@splatt/shared/folders";
import { networkFileSystem } from "./file-system.ts";

/** The result of a folder's trial. */
export interface FolderTrial {
  /** Why jobs cannot run in it; null when they can. A full disk does not count. */
  readonly problem: string | null;
  /** Its network file system, such as "NFS"; null for a local one. */
  readonly networkFileSystem: string | null;
}

/** Tries in a folder what jobs do there: creates folders and files, and writes a database as COLMAP does. */
export async function tryFolder(folder: string): Promise<FolderTrial> {
  try {
    await makeFolder(folder);
    const { type } = await statfs(folder);
    const trial = await mkdtemp(join(folder, ".trial-"));
    try {
      await writeFile(join(trial, "file"), "trial");
      return { problem: tryDatabase(join(trial, "database.db")), networkFileSystem: networkFileSystem(type) };
    } finally {
      await rm(trial, { recursive: true, force: true });
    }
  } catch (error) {
    return { problem: unlessFull(errorText(error)), networkFileSystem: null };
  }
}

/** COLMAP's databases keep a write-ahead log, which needs locks and shared memory. */
function tryDatabase(path: string): string | null {
  try {
    const writer = new DatabaseSync(path);
    writer.exec("PRAGMA journal_mode = WAL; CREATE TABLE trial (value); INSERT INTO trial VALUES (1)");
    const reader = new DatabaseSync(path);
    const row = reader.prepare("SELECT value FROM trial").get();
    reader.close();
    writer.close();
    return row?.value === 1 ? null : "a database loses written data there";
  } catch (error) {
    return unlessFull(`a database does not work there: ${errorText(error)}`);
  }
}

function unlessFull(problem: string): string | null {
  return /ENOSPC|EDQUOT|disk is full/.test(problem) ? null : problem;
}
