import type { FileHandle } from "node:fs/promises";
import { matroskaEnd } from "./matroska.ts";

const CHUNK_HEADER_BYTES = 12;
/** Of a gigabyte each, as programs write them. A hostile file may consist of small ones. */
const MAX_CHUNKS = 1000;
/** Programs that do not know the size write the largest. */
const MAX_RIFF_BYTES = 0x7fff0000;
const FLV_HEAD_BYTES = 4096;
/** The name in Action Message Format, with its length, and the mark of a number. */
const FLV_SIZE = Buffer.from("\0\x08filesize\0", "latin1");
const ASF_HEAD_BYTES = 65_536;
/** The File Properties object of ASF. */
const ASF_PROPERTIES = Buffer.from("a1dcab8c47a9cf118ee400c00c205365", "hex");
/** From that object's start: its identifier, its size and the file's identifier come first. */
const ASF_SIZE_OFFSET = 40;

/**
 * Where a file ends according to its container. The index or the duration of a truncated file may tell nothing: ffprobe
 * then reports what is left.
 *
 * @returns null when the container does not say
 */
export async function declaredEnd(file: FileHandle, container: string): Promise<number | null> {
  if (container.includes("matroska")) return matroskaEnd(file);
  if (container === "avi") return riffEnd(file);
  if (container === "flv") return flvEnd(file);
  return container === "asf" ? asfEnd(file) : null;
}

/** A large AVI has several chunks, one after the other. */
async function riffEnd(file: FileHandle): Promise<number | null> {
  const { size } = await file.stat();
  const header = Buffer.alloc(CHUNK_HEADER_BYTES);
  let end: number | null = null;
  for (let at = 0, chunks = 0; chunks < MAX_CHUNKS; chunks++) {
    const { bytesRead } = await file.read(header, 0, header.length, at);
    if (bytesRead < header.length || header.toString("latin1", 0, 4) !== "RIFF") return end;
    const bytes = header.readUInt32LE(4);
    if (bytes === 0 || bytes >= MAX_RIFF_BYTES) return null;
    at += 8 + bytes + (bytes % 2);
    end = at;
    if (at >= size) return end;
  }
  return null;
}

/** The size among the facts at its beginning, a number after its name; live recordings have 0 or none. */
async function flvEnd(file: FileHandle): Promise<number | null> {
  const head = Buffer.alloc(FLV_HEAD_BYTES);
  const { bytesRead } = await file.read(head, 0, head.length, 0);
  const at = head.indexOf(FLV_SIZE) + FLV_SIZE.length;
  if (at < FLV_SIZE.length || at + 8 > bytesRead) return null;
  const size = head.readDoubleBE(at);
  return size > 0 ? size : null;
}

async function asfEnd(file: FileHandle): Promise<number | null> {
  const head = Buffer.alloc(ASF_HEAD_BYTES);
  const { bytesRead } = await file.read(head, 0, head.length, 0);
  const at = head.indexOf(ASF_PROPERTIES) + ASF_SIZE_OFFSET;
  if (at < ASF_SIZE_OFFSET || at + 8 > bytesRead) return null;
  const size = Number(head.readBigUInt64LE(at));
  return size > 0 ? size : null;
}
