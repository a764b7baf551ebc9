import type { Readable } from "node:stream";

/** A member of an archive, as its directory or header declares it. */
export interface ArchiveEntry {
  readonly path: string;
  readonly kind: "file" | "folder" | "link" | "special";
  /** Declared bytes after unpacking. */
  readonly size: number;
}

/** An open zip or tar. Nothing is unpacked before `read`. */
export interface Archive extends AsyncDisposable {
  readonly entries: readonly ArchiveEntry[];
  /** The bytes of an entry. Throws, or the stream fails, when they are damaged or more or fewer than declared. */
  read(entry: number): Promise<Readable>;
}

export interface ArchiveLimits {
  readonly maxEntries: number;
  /** All unpacked bytes, as a multiple of the archive's. Photos hardly compress; a bomb does, by 1000 and more. */
  readonly maxRatio: number;
  /** Unpacked bytes that are allowed whatever the ratio. */
  readonly freeBytes: number;
}

export const ARCHIVE_LIMITS: ArchiveLimits = {
  maxEntries: 10_000,
  maxRatio: 20,
  freeBytes: 64 * 1024 ** 2,
};
