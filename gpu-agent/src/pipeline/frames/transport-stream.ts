import type { FileHandle } from "node:fs/promises";

const SAMPLE_BYTES = 1_048_576;
const SYNC = 0x47;
const NULL_PACKET = 0x1fff;
/** Tables are never scrambled, sound may not be. */
const MIN_SCRAMBLED_SHARE = 0.2;

/** Whether the packets of an MPEG transport stream (ISO 13818-1) are scrambled, as those of pay TV are. */
export async function isScrambled(file: FileHandle): Promise<boolean> {
  const sample = Buffer.alloc(SAMPLE_BYTES);
  const { bytesRead } = await file.read(sample, 0, sample.length, 0);
  const head = sample.subarray(0, bytesRead);
  for (const [first, step] of [
    [0, 188],
    [4, 192],
  ] as const) {
    if ([0, 1, 2].every((i) => head[first + i * step] === SYNC))
      return share(head, first, step) >= MIN_SCRAMBLED_SHARE;
  }
  return false;
}

function share(head: Buffer, first: number, step: number): number {
  let [packets, scrambled] = [0, 0];
  for (let at = first; at + 4 <= head.length && head[at] === SYNC; at += step) {
    if ((head.readUInt16BE(at + 1) & NULL_PACKET) === NULL_PACKET) continue;
    packets++;
    if (((head[at + 3] ?? 0) & 0xc0) !== 0) scrambled++;
  }
  return packets === 0 ? 0 : scrambled / packets;
}
