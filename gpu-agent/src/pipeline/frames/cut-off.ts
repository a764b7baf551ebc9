import type { FileHandle } from "node:fs/promises";
import { boxes, readBytes } from "./iso-boxes.ts";
import { packetGrid, SYNC } from "./transport-stream.ts";

const OGG_PAGE = Buffer.from("OggS\0", "latin1");
/** A page of Ogg has a header of 27 bytes, up to 255 sizes, and up to 255 bytes for each of them. */
const OGG_HEADER_BYTES = 27;
const MAX_OGG_PAGE_BYTES = OGG_HEADER_BYTES + 255 + 255 * 255;

/**
 * Whether the file ends in the middle of a packet or page. These containers do not declare how long the whole is, and a
 * file that was cut between two packets looks like a complete one.
 */
export async function endsInsidePacket(file: FileHandle, container: string): Promise<boolean> {
  const { size } = await file.stat();
  if (container === "ogg") return endsInsidePage(file, size);
  const grid = await packetGrid(file);
  if (grid === null) return false;
  // What does not begin as a packet is something else, such as the zeros with which recorders make room.
  const last = Buffer.alloc(1);
  await file.read(last, 0, 1, size - (size % grid.step) + grid.first);
  return size % grid.step !== 0 && last[0] === SYNC;
}

async function endsInsidePage(file: FileHandle, size: number): Promise<boolean> {
  const tail = Buffer.alloc(Math.min(size, MAX_OGG_PAGE_BYTES));
  await file.read(tail, 0, tail.length, size - tail.length);
  const page = tail.subarray(Math.max(0, tail.lastIndexOf(OGG_PAGE)));
  if (page.length < OGG_HEADER_BYTES) return true;
  const sizes = page.subarray(OGG_HEADER_BYTES, OGG_HEADER_BYTES + (page[OGG_HEADER_BYTES - 1] ?? 0));
  return page.length < OGG_HEADER_BYTES + sizes.length + sizes.reduce((sum, bytes) => sum + bytes, 0);
}

const ZERO_BYTES = 65_536;

/**
 * Whether the file ends in zeros: programs that make room for a whole download leave them when it is interrupted. The
 * container of such a file has its full size.
 */
export async function endsInZeros(file: FileHandle, container: string): Promise<boolean> {
  const { size } = await file.stat();
  const tail = await readBytes(file, Math.max(0, size - ZERO_BYTES), ZERO_BYTES);
  if (tail.length < ZERO_BYTES || tail.some((byte) => byte !== 0)) return false;
  if (!container.includes("mp4")) return true;
  let last = "";
  for await (const box of boxes(file, 0, size)) last = box.type;
  // Zeros may fill other boxes, and follow the last one.
  return last === "mdat";
}
