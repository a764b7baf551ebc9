import { type Failure, failure } from "@splatt/shared";
import type { ArchiveEntry, ArchiveLimits } from "./archive.ts";

const MAX_PATH_LENGTH = 1024;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
const ABSOLUTE = /^(?:[/\\]|[A-Za-z]:)/;
/** What operating systems add to folders. */
const CLUTTER = /(?:^|\/)(?:__MACOSX\/|\._|\.DS_Store$|Thumbs\.db$|desktop\.ini$|\.thumbnails?\/|@eaDir\/)/i;

/** Judges a listing before anything is unpacked. @returns why the archive is refused, or null */
export function refusal(
  entries: readonly ArchiveEntry[],
  archiveBytes: number,
  limits: ArchiveLimits,
): Failure | null {
  for (const { path, kind } of entries) {
    const problem =
      pathProblem(path) ?? (kind === "link" ? "is a link" : kind === "special" ? "is not a file" : null);
    if (problem) return failure("archive_unsafe", `${JSON.stringify(path.slice(0, 100))} ${problem}.`);
  }
  const total = entries.reduce((sum, { size }) => sum + size, 0);
  if (total <= limits.maxRatio * archiveBytes + limits.freeBytes) return null;
  return failure("archive_too_large", `It would unpack to ${megabytes(total)} MB.`);
}

function pathProblem(path: string): string | null {
  if (path === "" || path.length > MAX_PATH_LENGTH) return "is not a usable name";
  if (CONTROL_CHARACTER.test(path)) return "has control characters in its name";
  if (ABSOLUTE.test(path)) return "is an absolute path";
  return path.split(/[/\\]/).includes("..") ? "leads out of the archive" : null;
}

/** Whether an entry is one that operating systems add, such as the resource forks of macOS. */
export function isClutter(path: string): boolean {
  return CLUTTER.test(path);
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
