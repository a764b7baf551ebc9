import { TAR_BLOCK, tarHeader, tarPadding } from "@splatt/shared";

export interface TarEntry {
  /** Relative, with slashes; at most 100 bytes. */
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly isExecutable: boolean;
}

/** A tar archive (POSIX ustar) of regular files. Equal entries give equal bytes. */
export function tarArchive(entries: readonly TarEntry[]): Uint8Array {
  const blocks = entries.flatMap(({ path, bytes, isExecutable }) => {
    const size = bytes.byteLength;
    return [tarHeader({ path, size, isExecutable }), bytes, tarPadding(size)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * TAR_BLOCK)]);
}
