import { readSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";

/**
 * Fills the buffer's first `length` bytes from a file's `position`, and returns how many it read: 0 at the file's end.
 */
export type ReadChunk = (
  file: FileHandle,
  buffer: Buffer,
  length: number,
  position: number,
) => number | Promise<number>;

/** On another thread. */
export const readAsync: ReadChunk = async (file, buffer, length, position) =>
  (await file.read(buffer, 0, length, position)).bytesRead;

/** On this thread. */
export const readNow: ReadChunk = ({ fd }, buffer, length, position) =>
  readSync(fd, buffer, 0, length, position);

/** More than the kernel takes for a chunk that it has in memory. */
const QUICK_MS = 5;

/**
 * Reads on this thread while the kernel has the file in memory: a thread that writes what another one has read takes
 * half as long again. After a read that waited for the disk, the next one is asynchronous, so that a slow disk does not
 * hold up the other downloads of the process.
 */
export function quickestRead(now = readNow, async = readAsync, clock = () => performance.now()): ReadChunk {
  let isSlow = true;
  return async (...chunk) => {
    const began = clock();
    const bytesRead = await (isSlow ? async : now)(...chunk);
    isSlow = clock() - began > QUICK_MS;
    return bytesRead;
  };
}
