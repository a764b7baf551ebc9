import type { FileHandle } from "node:fs/promises";
import { type Box, boxes, findBox, readBytes } from "../iso-boxes.ts";

/** A sample of a track of an MP4 file, with its time in seconds. */
export interface TimedSample {
  readonly from: number;
  readonly to: number;
  readonly bytes: Buffer;
}

/** A track of an hour with a sample for each of 200 readings a second has 720,000. What comes after is not read. */
const MAX_SAMPLES = 1_000_000;
const MAX_TABLE_BYTES = 8 * MAX_SAMPLES;
const MAX_TRACKS = 32;
const MAX_CHUNK_BYTES = 4 * 1024 * 1024;
const MAX_BYTES = 128 * 1024 * 1024;

/** A track whose samples are described by an entry of one of these types. */
export interface SampleTrack {
  readonly type: string;
  readonly samples: AsyncGenerator<TimedSample>;
}

/** @returns the file's first track with such a sample entry; null where there is none, or no valid one */
export async function findSampleTrack(
  file: FileHandle,
  types: ReadonlySet<string>,
): Promise<SampleTrack | null> {
  const { size } = await file.stat();
  let tracks = 0;
  for await (const movie of boxes(file, 0, size)) {
    if (movie.type !== "moov") continue;
    for await (const track of boxes(file, movie.start, movie.end)) {
      if (track.type !== "trak" || ++tracks > MAX_TRACKS) continue;
      const table = await findBox(file, track, ["mdia", "minf", "stbl"]);
      const entry = table && (await findBox(file, table, ["stsd"]));
      // A version, flags, the number of entries and the entry's size come before its type.
      const type = entry ? (await readBytes(file, entry.start + 12, 4)).toString("latin1") : "";
      if (table && types.has(type)) return { type, samples: samplesOf(file, track, table) };
    }
  }
  return null;
}

async function* samplesOf(file: FileHandle, track: Box, table: Box): AsyncGenerator<TimedSample> {
  const header = await readBytes(file, (await findBox(file, track, ["mdia", "mdhd"]))?.start, 24);
  if (header.length < 24) return;
  const timescale = header.readUInt32BE(header[0] === 1 ? 20 : 12);
  if (timescale === 0) return;
  const tableOf = (type: string) => readTable(file, table, type);
  const [sizes, durations, runs] = [await tableOf("stsz"), await tableOf("stts"), await tableOf("stsc")];
  const [short, long] = [await tableOf("stco"), await tableOf("co64")];
  const offsets = short.length > 0 ? short : long;
  const offsetBytes = short.length > 0 ? 4 : 8;
  if (sizes.length < 12) return;
  const equalSize = sizes.readUInt32BE(4);
  const count = Math.min(MAX_SAMPLES, sizes.readUInt32BE(8));
  const sizeOf = (sample: number) =>
    equalSize > 0 ? equalSize : 16 + 4 * sample <= sizes.length ? sizes.readUInt32BE(12 + 4 * sample) : null;
  const nextDuration = durationsIn(durations);
  const perChunk = samplesPerChunk(runs);
  const chunks =
    offsets.length < 8
      ? 0
      : Math.min(offsets.readUInt32BE(4), Math.floor((offsets.length - 8) / offsetBytes));
  let [sample, time, total] = [0, 0, 0];
  for (let chunk = 0; chunk < chunks && sample < count; chunk++) {
    const at = 8 + offsetBytes * chunk;
    const start = offsetBytes === 4 ? offsets.readUInt32BE(at) : Number(offsets.readBigUInt64BE(at));
    const inChunk = Math.min(count - sample, perChunk(chunk));
    if (!(inChunk > 0) || !Number.isSafeInteger(start)) return;
    const lengths = Array.from({ length: inChunk }, (_, i) => sizeOf(sample + i));
    const length = lengths.reduce<number>((sum, one) => sum + (one ?? Number.POSITIVE_INFINITY), 0);
    total += length;
    if (length > MAX_CHUNK_BYTES || total > MAX_BYTES) return;
    const bytes = await readBytes(file, start, length);
    let offset = 0;
    for (const one of lengths) {
      const duration = nextDuration() / timescale;
      const part = bytes.subarray(offset, offset + (one ?? 0));
      offset += one ?? 0;
      if (part.length === one) yield { from: time, to: time + duration, bytes: part };
      time += duration;
    }
    sample += inChunk;
  }
}

async function readTable(file: FileHandle, parent: Box, type: string): Promise<Buffer> {
  const box = await findBox(file, parent, [type]);
  if (box === null) return Buffer.alloc(0);
  return readBytes(file, box.start, Math.min(MAX_TABLE_BYTES, Math.max(0, box.end - box.start)));
}

/** @param table of "stts": runs of samples with the same duration; after its end, durations are 0 */
function durationsIn(table: Buffer): () => number {
  let [entry, left, duration] = [8, 0, 0];
  return () => {
    while (left === 0 && entry + 8 <= table.length) {
      [left, duration] = [table.readUInt32BE(entry), table.readUInt32BE(entry + 4)];
      entry += 8;
    }
    if (left === 0) return 0;
    left--;
    return duration;
  };
}

/** @param table of "stsc": the first chunk of each run of chunks, numbered from 1, and their number of samples */
function samplesPerChunk(table: Buffer): (chunk: number) => number {
  let entry = 8;
  return (chunk) => {
    while (entry + 24 <= table.length && table.readUInt32BE(entry + 12) <= chunk + 1) entry += 12;
    return entry + 12 <= table.length ? table.readUInt32BE(entry + 4) : 0;
  };
}
