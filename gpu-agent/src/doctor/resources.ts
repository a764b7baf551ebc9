import { byteText } from "@splatt/shared/terminal";
import type { FolderTrial } from "../files/folder-trial.ts";
import { type Check, failing, good, warning } from "./check.ts";

const GIB = 1024 ** 3;
const LEAST_DISK_BYTES = 2 * GIB;
const GOOD_DISK_BYTES = 20 * GIB;
const LEAST_MEMORY_BYTES = 3.5 * GIB;
const GOOD_MEMORY_BYTES = 7.5 * GIB;

export function judgeDisk(root: string, freeBytes: number, trial: FolderTrial): Check {
  const network =
    trial.networkFileSystem === null ? "" : ` (${trial.networkFileSystem}, a network file system)`;
  if (trial.problem !== null) {
    return failing(
      "Workspace",
      `${trial.problem}${network}`,
      "Set WORKSPACE_ROOT to a folder on a local disk that the agent's user owns.",
    );
  }
  if (trial.networkFileSystem !== null) {
    return warning(
      "Workspace",
      `${root} is on a network file system (${trial.networkFileSystem})`,
      "COLMAP's database is slow there and may lock up. Set WORKSPACE_ROOT to a folder on a local disk.",
    );
  }
  const detail = `${byteText(freeBytes)} free in ${root}`;
  const remedy =
    "Free some space, or set WORKSPACE_ROOT to a folder on a larger disk; a job takes 1 to 5 GB or more.";
  if (freeBytes < LEAST_DISK_BYTES) return failing("Workspace", detail, remedy);
  return freeBytes < GOOD_DISK_BYTES ? warning("Workspace", detail, remedy) : good("Workspace", detail);
}

/** @param totalBytes the most that this process may use */
export function judgeMemory(totalBytes: number, availableBytes: number): Check {
  const detail = `${byteText(availableBytes)} of ${byteText(totalBytes)} available`;
  const remedy =
    "COLMAP and training need 8 GB or more. Add memory or swap, or lower fps and the resolution.";
  if (totalBytes < LEAST_MEMORY_BYTES) return failing("Memory", detail, remedy);
  if (totalBytes < GOOD_MEMORY_BYTES) return warning("Memory", detail, remedy);
  if (availableBytes < LEAST_MEMORY_BYTES / 2) {
    return warning("Memory", detail, "Other programs use nearly all of it. End some of them.");
  }
  return good("Memory", detail);
}
