import { type FileHandle, open } from "node:fs/promises";
import { readBytes } from "./iso-boxes.ts";
import { type MappedStream, mappedStreams } from "./program-map.ts";
import { gridWithin, packetGrid } from "./transport-stream.ts";

/** A part of a file. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/** Program maps come ten times a second. */
const SAMPLE_BYTES = 1_048_576;
/** A change of codec and back between two of this many samples, at an even distance, stays unnoticed. */
const SAMPLES = 32;
/** MPEG-1, MPEG-2, MPEG-4, H.264, H.265, H.266 and VC-1. */
const VIDEO_TYPES = new Set([0x01, 0x02, 0x10, 0x1b, 0x24, 0x33, 0xea]);
/** The program map follows the table of programs at once. */
const MAX_TABLE_PACKETS = 8;

/**
 * The longest part of a transport stream with one codec, where the codec changes within it, as in joined recordings.
 * Which of the parts ffmpeg reads depends on its version.
 *
 * @returns null where the codec does not change
 */
export async function partOfOneCodec(path: string): Promise<ByteRange | null> {
  await using file = await open(path);
  if ((await packetGrid(file)) === null) return null;
  const { size } = await file.stat();
  const maps = await sampledMaps(file, size);
  for (const id of new Set(maps.map((stream) => stream.id))) {
    const starts = await partStarts(
      file,
      maps.filter((stream) => stream.id === id && VIDEO_TYPES.has(stream.type)),
    );
    if (starts.length === 0) continue;
    const parts = [0, ...starts].map((from, i) => ({ from, to: starts[i] ?? size }));
    return parts.reduce((longest, part) => (lengthOf(part) > lengthOf(longest) ? part : longest));
  }
  return null;
}

function lengthOf({ from, to }: ByteRange): number {
  return to - from;
}

/** The streams of the program maps in samples from all over the file, in its order. */
async function sampledMaps(file: FileHandle, size: number): Promise<MappedStream[]> {
  const step = Math.max(SAMPLE_BYTES, Math.ceil((size - SAMPLE_BYTES) / (SAMPLES - 1)));
  const maps: MappedStream[] = [];
  for (let at = 0; at < size; at += step) {
    const from = Math.max(0, Math.min(at, size - SAMPLE_BYTES));
    const last = maps.at(-1)?.at ?? -1;
    maps.push(...(await mapsIn(file, from, SAMPLE_BYTES)).filter((map) => map.at > last));
  }
  return maps;
}

/** Where each part but the first begins: with the tables before the first map of another type than the one before. */
async function partStarts(file: FileHandle, maps: readonly MappedStream[]): Promise<number[]> {
  const starts: number[] = [];
  for (const [i, map] of maps.entries()) {
    const before = maps[i - 1];
    if (before !== undefined && before.type !== map.type) starts.push(await firstMap(file, before, map));
  }
  return starts;
}

/** @param before, after maps of different types, between which the type changes once */
async function firstMap(file: FileHandle, before: MappedStream, after: MappedStream): Promise<number> {
  const { id, type } = before;
  let [low, high] = [before.at, after.at];
  while (high - low > SAMPLE_BYTES) {
    const middle = Math.floor((low + high) / 2);
    const map = (await mapsIn(file, middle, SAMPLE_BYTES)).find((stream) => stream.id === id);
    if (map?.type === type) low = middle;
    else high = middle;
  }
  const maps = await mapsIn(file, low, high - low + SAMPLE_BYTES);
  const map = maps.find((stream) => stream.id === id && stream.type !== type);
  return tablesBefore(file, map?.at ?? after.at);
}

/** The streams of the program maps in a part of the file, whose positions are those in the file. */
async function mapsIn(file: FileHandle, from: number, bytes: number): Promise<MappedStream[]> {
  const part = await readBytes(file, from, bytes);
  const grid = gridWithin(part);
  return grid === null
    ? []
    : mappedStreams(part, grid).map((stream) => ({ ...stream, at: from + stream.at }));
}

/** Where the table of programs before a map begins: without it, the map is not read. */
async function tablesBefore(file: FileHandle, at: number): Promise<number> {
  const grid = await packetGrid(file);
  if (grid === null) return at;
  const { first, step } = grid;
  for (let packet = at; packet >= Math.max(first, at - MAX_TABLE_PACKETS * step); packet -= step) {
    const head = await readBytes(file, packet, 3);
    if (head.length === 3 && (head.readUInt16BE(1) & 0x1fff) === 0) return packet - first;
  }
  return at - first;
}
