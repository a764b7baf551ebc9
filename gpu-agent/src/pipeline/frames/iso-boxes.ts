import type { FileHandle } from "node:fs/promises";

/** A box of an MP4 or QuickTime file (ISO 14496-12). */
export interface Box {
  readonly type: string;
  /** The start and end of its content in the file. */
  readonly start: number;
  readonly end: number;
  /** Whether the box is complete: the last box of a truncated file ends after the file does. */
  readonly whole: boolean;
}

/** A recording of a day has a fragment for each second; a hostile file may declare millions. */
const MAX_CHILDREN = 200_000;
/** Those of all levels: where boxes are nested, their numbers multiply. */
const MAX_BOXES = 1_000_000;
const visited = new WeakMap<FileHandle, number>();

/** The first box on a path of types below `parent`. */
export async function findBox(file: FileHandle, parent: Box, path: readonly string[]): Promise<Box | null> {
  const [type, ...rest] = path;
  if (type === undefined) return parent;
  for await (const box of boxes(file, parent.start, parent.end)) {
    if (box.type === type) return findBox(file, box, rest);
  }
  return null;
}

/**
 * The boxes in a range of the file, up to the first with an invalid size. Ends early when it is one of too many, or
 * when too many were read through `file`, on all levels together.
 */
export async function* boxes(file: FileHandle, from: number, to: number): AsyncGenerator<Box> {
  let at = from;
  for (let count = 0; at + 8 <= to && count < MAX_CHILDREN; count++) {
    const before = visited.get(file) ?? 0;
    if (before >= MAX_BOXES) return;
    visited.set(file, before + 1);
    const header = await readBytes(file, at, 16);
    if (header.length < 8) return;
    const short = header.readUInt32BE(0);
    const isLong = short === 1 && header.length === 16;
    const size = isLong ? Number(header.readBigUInt64BE(8)) : short === 0 ? to - at : short;
    const headerSize = isLong ? 16 : 8;
    if (size < headerSize) return;
    yield {
      type: header.toString("latin1", 4, 8),
      start: at + headerSize,
      end: Math.min(to, at + size),
      whole: at + size <= to,
    };
    at += size;
  }
}

/** Fewer bytes at the end of the file, and none without a position. */
export async function readBytes(
  file: FileHandle,
  position: number | undefined,
  length: number,
): Promise<Buffer> {
  if (position === undefined) return Buffer.alloc(0);
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  return buffer.subarray(0, bytesRead);
}
