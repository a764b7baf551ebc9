import type { FileHandle } from "node:fs/promises";

/** More than the photos that consist of several pictures have: two eyes, previews, a gain map. */
const MIN_PICTURES = 5;
const MAX_BYTES = 64 * 1_048_576;

const MARKER = 0xff;
const START_OF_SCAN = 0xda;
const START_OF_IMAGE = Buffer.from([MARKER, 0xd8, MARKER]);
const END_OF_IMAGE = Buffer.from([MARKER, 0xd9]);

/** Whether a file that begins as a JPEG is Motion JPEG: pictures, one right after the other, without a container. */
export async function isMotionJpeg(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat();
  const bytes = Buffer.alloc(Math.min(size, MAX_BYTES));
  await file.read(bytes, 0, bytes.length, 0);
  let at = 0;
  for (let pictures = 1; pictures < MIN_PICTURES; pictures++) {
    at = pictureEnd(bytes, at);
    if (at < 0 || !bytes.subarray(at, at + START_OF_IMAGE.length).equals(START_OF_IMAGE)) return false;
  }
  return true;
}

/** The end of the JPEG at `at`, or −1. Its segments are stepped over: one may hold a thumbnail, a JPEG too. */
function pictureEnd(bytes: Buffer, at: number): number {
  let next = at + 2;
  while (next + 4 <= bytes.length && bytes[next] === MARKER) {
    const isScan = bytes[next + 1] === START_OF_SCAN;
    next += 2 + bytes.readUInt16BE(next + 2);
    if (!isScan) continue;
    const end = bytes.indexOf(END_OF_IMAGE, next);
    return end < 0 ? -1 : end + END_OF_IMAGE.length;
  }
  return -1;
}
