import { errnoCode } from "@splatt/shared";

/** SQLite's result codes for a disk that is full, read-only or broken. */
const SQLITE_CODES: Readonly<Record<number, string>> = { 13: "ENOSPC", 8: "EROFS", 10: "EIO", 14: "EIO" };
const DISK_ERRNOS = new Set(["ENOSPC", "EDQUOT", "EROFS", "EIO", "EACCES", "EPERM"]);

/** @returns the errno code of an error that comes from the disk, also through SQLite; null for any other error */
export function diskErrorCode(error: unknown): string | null {
  if (error instanceof Error && "errcode" in error && typeof error.errcode === "number") {
    return SQLITE_CODES[error.errcode & 0xff] ?? null;
  }
  const code = errnoCode(error);
  return DISK_ERRNOS.has(code) ? code : null;
}
