import type { FileHandle } from "node:fs/promises";
import { readBytes } from "./iso-boxes.ts";
import { matroskaEnd } from "./matroska.ts";

const CHUNK_HEADER_BYTES = 12;
/** Of a gigabyte each, as programs write them. A hostile file may consist of small ones. */
const MAX_CHUNKS = 1000;
/** Programs that do not know the size write the largest. */
const MAX_RIFF_BYTES = 0x7fff0000;
/** Of a film of hours. */
const MAX_INDEX_BYTES = 16 * 1_048_576;
/** The largest that its length of three bytes allows, with its header and the length after it. */
const MAX_TAG_BYTES = 0x1000000 + 15;
const FLV_HEAD_BYTES = 4096;
/** The name in Action Message Format, with its length, and the mark of a number. */
const FLV_SIZE = Buffer.from("\0\x08filesize\0", "latin1");
const ASF_HEAD_BYTES = 65_536;
/** The File Properties object of ASF. */
const ASF_PROPERTIES = Buffer.from("a1dcab8c47a9cf118ee400c00c205365", "hex");
/** From that object's start: its identifier, its size and the file's identifier come first. */
const ASF_SIZE_OFFSET = 40;

/** How the containers that say it begin. */
const KINDS: readonly (readonly [magic: string, end: (file: FileHandle) => Promise<number | null>])[] = [
  ["1a45dfa3", (file) => matroskaEnd(file)],
  ["52494646", riffEnd],
  ["464c5601", flvEnd],
  ["3026b275", asfEnd],
];

/**
 * Where a file ends according to its container. The index or the duration of a truncated file may tell nothing: ffprobe
 * then reports what is left.
 *
 * @returns null when the container does not say, or when the file shows that it is whole
 */
export async function declaredEnd(file: FileHandle): Promise<number | null> {
  const magic = await magicAt(file, 0);
  const kind = KINDS.find(([known]) => known === magic);
  return kind ? kind[1](file) : null;
}

/** Whether another file of the same kind follows where the first one ends by its own declaration. */
export async function isJoined(file: FileHandle): Promise<boolean> {
  const end = await declaredEnd(file);
  return end !== null && (await magicAt(file, end)) === (await magicAt(file, 0));
}

async function magicAt(file: FileHandle, position: number): Promise<string> {
  return (await readBytes(file, position, 4)).toString("hex");
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
    if (at > size && (await endsWithIndex(file, size))) return null;
    if (at >= size) return end;
  }
  return null;
}

/** Some programs write a wrong size. The index of all pictures comes last. */
async function endsWithIndex(file: FileHandle, size: number): Promise<boolean> {
  const tail = await readTail(file, size, MAX_INDEX_BYTES);
  const at = tail.lastIndexOf("idx1");
  if (at < 0 || at + 8 > tail.length) return false;
  const left = tail.length - (at + 8 + tail.readUInt32LE(at + 4));
  // Chunks are padded to an even length.
  return left === 0 || left === 1;
}

async function readTail(file: FileHandle, size: number, bytes: number): Promise<Buffer> {
  const tail = Buffer.alloc(Math.min(size, bytes));
  await file.read(tail, 0, tail.length, size - tail.length);
  return tail;
}

/** The size among the facts at its beginning, a number after its name; live recordings have 0 or none. */
async function flvEnd(file: FileHandle): Promise<number | null> {
  const head = Buffer.alloc(FLV_HEAD_BYTES);
  const { bytesRead } = await file.read(head, 0, head.length, 0);
  const at = head.indexOf(FLV_SIZE) + FLV_SIZE.length;
  if (at < FLV_SIZE.length || at + 8 > bytesRead) return null;
  const size = head.readDoubleBE(at);
  if (!(size > 0)) return null;
  const actual = (await file.stat()).size;
  return size > actual && (await endsWithTag(file, actual)) ? null : size;
}

/** The size may be that of an earlier version of the file. Each tag is followed by its length. */
async function endsWithTag(file: FileHandle, size: number): Promise<boolean> {
  const tail = await readTail(file, size, MAX_TAG_BYTES);
  const start = tail.length - 4 - (tail.length < 4 ? 0 : tail.readUInt32BE(tail.length - 4));
  // The length in the tag's header is that of its content.
  return (
    start >= 0 && start + 4 < tail.length && tail.readUIntBE(start + 1, 3) + 11 === tail.length - 4 - start
  );
}

async function asfEnd(file: FileHandle): Promise<number | null> {
  const head = Buffer.alloc(ASF_HEAD_BYTES);
  const { bytesRead } = await file.read(head, 0, head.length, 0);
  const at = head.indexOf(ASF_PROPERTIES) + ASF_SIZE_OFFSET;
  if (at < ASF_SIZE_OFFSET || at + 8 > bytesRead) return null;
  const size = Number(head.readBigUInt64LE(at));
  return size > 0 ? size : null;
}
