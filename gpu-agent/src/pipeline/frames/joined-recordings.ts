import { type FileHandle, open } from "node:fs/promises";
import type { ByteRange } from "./codec-change.ts";
import { type Box, boxes, findBox, readBytes } from "./iso-boxes.ts";
import { differentRecordings } from "./matroska.ts";

/** A part of an MP4 that begins as a file does. */
interface Recording {
  from: number;
  /** How the pictures of its tracks are stored; empty before its `moov`. */
  descriptions: string;
  fragmented: boolean;
  /** The time of the first and of the last fragment of each track, in the track's unit. */
  readonly first: Map<number, bigint>;
  readonly last: Map<number, bigint>;
}

export interface JoinedRecordings {
  /** The longest of several recordings, one after the other; null where there is one. */
  readonly longest: ByteRange | null;
  /** Whether a clock runs backwards within a recording: ffmpeg shows one of the pictures that share a time. */
  readonly clockRestarts: boolean;
}

/**
 * Finds recordings that were joined byte by byte, such as those of a browser's recorder. ffmpeg reads the header of the
 * first one only. It skips what follows, or in fragmented files, mixes the fragments of all and decodes them by the
 * first header, without a message. Segments of a stream that each repeat its header are one recording. ffmpeg reads
 * all recordings of a Matroska file, but decodes them by the codec and parameters of the first one.
 */
export async function joinedRecordings(path: string): Promise<JoinedRecordings> {
  await using file = await open(path);
  const { size } = await file.stat();
  const matroska = await differentRecordings(file);
  if (matroska.length > 1) return { longest: longestOf(matroska), clockRestarts: false };
  const recordings: Recording[] = [newRecording(0)];
  let clockRestarts = false;
  let at = 0;
  for await (const box of boxes(file, 0, size)) {
    let recording = recordings.at(-1) as Recording;
    if (box.type === "ftyp" && recording.descriptions !== "") {
      recording = newRecording(at);
      recordings.push(recording);
    }
    at = box.end;
    if (box.type === "moov") {
      recording.descriptions ||= await descriptionsOf(file, box);
      recording.fragmented ||= (await findBox(file, box, ["mvex"])) !== null;
    }
    if (box.type !== "moof") continue;
    for (const [track, time] of await fragmentTimes(file, box)) {
      clockRestarts ||= time <= (recording.last.get(track) ?? -1n);
      if (!recording.first.has(track)) recording.first.set(track, time);
      recording.last.set(track, time);
    }
  }
  const starts = recordings
    .filter((recording, i) => recording.descriptions !== "" && !continues(recordings[i - 1], recording))
    .map(({ from }) => from);
  if (starts.length < 2) return { longest: null, clockRestarts };
  const parts = starts.map((from, i) => ({ from, to: starts[i + 1] ?? size }));
  return { longest: longestOf(parts), clockRestarts };
}

function longestOf(parts: readonly ByteRange[]): ByteRange {
  return parts.reduce((best, part) => (part.to - part.from > best.to - best.from ? part : best));
}

function newRecording(from: number): Recording {
  return { from, descriptions: "", fragmented: false, first: new Map(), last: new Map() };
}

/** Whether the fragments of `next` follow those of `before` on the same clock, stored in the same way. */
function continues(before: Recording | undefined, next: Recording): boolean {
  if (before === undefined || !before.fragmented || !next.fragmented) return false;
  if (before.descriptions !== next.descriptions) return false;
  return [...next.first].every(([track, time]) => time > (before.last.get(track) ?? -1n));
}

async function descriptionsOf(file: FileHandle, movie: Box): Promise<string> {
  const found: string[] = [];
  for await (const box of boxes(file, movie.start, movie.end)) {
    if (box.type !== "trak") continue;
    const table = await findBox(file, box, ["mdia", "minf", "stbl", "stsd"]);
    if (table === null) continue;
    const bytes = await readBytes(
      file,
      table.start,
      Math.min(table.end - table.start, MAX_DESCRIPTION_BYTES),
    );
    found.push(bytes.toString("latin1"));
  }
  return found.length === 0 ? "none" : found.join("|");
}

const MAX_DESCRIPTION_BYTES = 65_536;

/** The decoding time of each track's part of a fragment (`tfhd` and `tfdt`), where it has one. */
async function fragmentTimes(file: FileHandle, fragment: Box): Promise<[track: number, time: bigint][]> {
  const times: [number, bigint][] = [];
  for await (const box of boxes(file, fragment.start, fragment.end)) {
    if (box.type !== "traf") continue;
    const header = await readBytes(file, (await findBox(file, box, ["tfhd"]))?.start, 8);
    const time = await readBytes(file, (await findBox(file, box, ["tfdt"]))?.start, 12);
    // Without a run (`trun`) it has no pictures.
    if (header.length < 8 || time.length < 8 || (await findBox(file, box, ["trun"])) === null) continue;
    const isLong = time[0] === 1 && time.length === 12;
    times.push([header.readUInt32BE(4), isLong ? time.readBigUInt64BE(4) : BigInt(time.readUInt32BE(4))]);
  }
  return times;
}
