import type { FileHandle } from "node:fs/promises";
import { readBytes } from "./iso-boxes.ts";

const SAMPLE_BYTES = 1_048_576;
/** The first byte of each packet. */
export const SYNC = 0x47;
const NULL_PACKET = 0x1fff;
/** Tables are never scrambled, sound may not be. */
const MIN_SCRAMBLED_SHARE = 0.2;

/** Whether the packets of an MPEG transport stream (ISO 13818-1) are scrambled, as those of pay TV are. */
export async function isScrambled(file: FileHandle): Promise<boolean> {
  const head = await readHead(file, SAMPLE_BYTES);
  const grid = gridOf(head);
  return grid !== null && share(head, grid) >= MIN_SCRAMBLED_SHARE;
}

/** Where the sync byte of the first packet is, and the bytes from one to the next. */
export interface PacketGrid {
  readonly first: number;
  readonly step: number;
}

/** Packets of 188 bytes, or of 192 with time codes in front. */
const GRIDS: readonly PacketGrid[] = [
  { first: 0, step: 188 },
  { first: 4, step: 192 },
];

/** @returns null when the file does not begin with a packet */
export async function packetGrid(file: FileHandle): Promise<PacketGrid | null> {
  return gridOf(await readHead(file, 3 * 192));
}

export function gridOf(head: Buffer): PacketGrid | null {
  return GRIDS.find(({ first, step }) => [0, 1, 2].every((i) => head[first + i * step] === SYNC)) ?? null;
}

/** The packets of a part that begins in the middle of one. */
export function gridWithin(part: Buffer): PacketGrid | null {
  for (const { step } of GRIDS) {
    for (let first = 0; first < step; first++) {
      if ([0, 1, 2, 3].every((i) => part[first + i * step] === SYNC)) return { first, step };
    }
  }
  return null;
}

function readHead(file: FileHandle, bytes: number): Promise<Buffer> {
  return readBytes(file, 0, bytes);
}

function share(head: Buffer, { first, step }: PacketGrid): number {
  let [packets, scrambled] = [0, 0];
  for (let at = first; at + 4 <= head.length && head[at] === SYNC; at += step) {
    if ((head.readUInt16BE(at + 1) & NULL_PACKET) === NULL_PACKET) continue;
    packets++;
    if (((head[at + 3] ?? 0) & 0xc0) !== 0) scrambled++;
  }
  return packets === 0 ? 0 : scrambled / packets;
}
