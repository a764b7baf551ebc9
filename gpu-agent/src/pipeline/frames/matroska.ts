import type { FileHandle } from "node:fs/promises";
import type { Rectangle } from "./bars.ts";
import type { ByteRange } from "./codec-change.ts";
import { readBytes } from "./iso-boxes.ts";
import { insideOf } from "./iso-media.ts";

/** Track facts of a Matroska or WebM file (RFC 9559) that not every ffprobe version prints. */
export interface MatroskaTrack {
  readonly crop: Rectangle | null;
  /** Width by height of a pixel of the cropped picture; null when the file does not say. */
  readonly pixelAspect: number | null;
  readonly encrypted: boolean;
}

const ID = {
  segment: 0x18538067,
  cluster: 0x1f43b675,
  tracks: 0x1654ae6b,
  trackEntry: 0xae,
  video: 0xe0,
  pixelWidth: 0xb0,
  pixelHeight: 0xba,
  cropBottom: 0x54aa,
  cropTop: 0x54bb,
  cropLeft: 0x54cc,
  cropRight: 0x54dd,
  displayWidth: 0x54b0,
  displayHeight: 0x54ba,
  contentEncodings: 0x6d80,
  contentEncoding: 0x6240,
  contentEncryption: 0x5035,
  codec: 0x86,
  codecParameters: 0x63a2,
} as const;

/** The tracks come before the pictures; what precedes them in a real file is a few kilobytes. */
const MAX_HEAD_BYTES = 1_048_576;

/** The segment follows a header of a few dozen bytes. */
const MAX_PREFIX_BYTES = 4096;

interface Element {
  readonly id: number;
  readonly content: Buffer;
}

/**
 * @param from where the file begins, or one that is joined to it
 * @returns the tracks in the file's order, null for those without pictures; none when it is not Matroska
 */
export async function readMatroskaTracks(file: FileHandle, from = 0): Promise<(MatroskaTrack | null)[]> {
  return (await trackEntries(file, from)).map(describe);
}

async function trackEntries(file: FileHandle, from: number): Promise<Buffer[]> {
  const segment = [...elements(await readBytes(file, from, MAX_HEAD_BYTES))].find(
    ({ id }) => id === ID.segment,
  );
  const entries: Buffer[] = [];
  for (const element of elements(segment?.content ?? Buffer.alloc(0))) {
    if (element.id === ID.cluster) break;
    if (element.id !== ID.tracks) continue;
    for (const entry of elements(element.content)) {
      if (entry.id === ID.trackEntry) entries.push(entry.content);
    }
  }
  return entries;
}

const MAX_JOINED = 1000;

/** The parts of a file that begin as a file does, where their tracks are stored in different ways; else none. */
export async function differentRecordings(file: FileHandle): Promise<ByteRange[]> {
  const { size } = await file.stat();
  const parts: ByteRange[] = [];
  const storages = new Set<string>();
  for (let from = 0; from < size && parts.length < MAX_JOINED; ) {
    const entries = await trackEntries(file, from);
    if (entries.length === 0) break;
    storages.add(entries.map(storageOf).join("|"));
    const to = (await matroskaEnd(file, from)) ?? size;
    parts.push({ from, to: Math.min(size, to) });
    from = to;
  }
  return storages.size > 1 ? parts : [];
}

/** The codec of a track, and its parameters. ffmpeg decodes the pictures of all parts by those of the first one. */
function storageOf(entry: Buffer): string {
  return [...elements(entry)]
    .filter(({ id }) => id === ID.codec || id === ID.codecParameters)
    .map(({ content }) => content.toString("hex"))
    .join();
}

/** @returns where the file's segment ends; null when it does not say, as in a live recording */
export async function matroskaEnd(file: FileHandle, from = 0): Promise<number | null> {
  const head = await readBytes(file, from, MAX_PREFIX_BYTES);
  for (let at = 0; at < head.length; ) {
    const id = variableInteger(head, at, 4, false);
    const size = id && variableInteger(head, at + id.length, 8, true);
    if (!id || !size || size.unknown) return null;
    at += id.length + size.length + size.value;
    if (id.value === ID.segment) return from + at;
  }
  return null;
}

function describe(entry: Buffer): MatroskaTrack | null {
  const video = [...elements(entry)].find(({ id }) => id === ID.video);
  if (!video) return null;
  const values = new Map([...elements(video.content)].map(({ id, content }) => [id, unsigned(content)]));
  const value = (id: number) => values.get(id) ?? 0;
  const stored = { width: value(ID.pixelWidth), height: value(ID.pixelHeight) };
  const cropped = {
    left: value(ID.cropLeft),
    top: value(ID.cropTop),
    width: stored.width - value(ID.cropLeft) - value(ID.cropRight),
    height: stored.height - value(ID.cropTop) - value(ID.cropBottom),
  };
  const crop = insideOf(stored, cropped);
  const { width, height } = crop ?? stored;
  const display = { width: value(ID.displayWidth) || width, height: value(ID.displayHeight) || height };
  // Units above 0 are centimetres, inches or a plain ratio; the latter works the same.
  const pixelAspect = (display.width / display.height) * (height / width);
  const encrypted = [...elements(entry)]
    .filter(({ id }) => id === ID.contentEncodings)
    .flatMap(({ content }) => [...elements(content)])
    .some(({ content }) => [...elements(content)].some(({ id }) => id === ID.contentEncryption));
  return {
    crop,
    encrypted,
    pixelAspect: Number.isFinite(pixelAspect) && pixelAspect > 0 ? pixelAspect : null,
  };
}

function* elements(data: Buffer): Generator<Element> {
  for (let at = 0; at < data.length; ) {
    const id = variableInteger(data, at, 4, false);
    if (id === null) return;
    const size = variableInteger(data, at + id.length, 8, true);
    if (size === null) return;
    const start = at + id.length + size.length;
    // An element of unknown size, as live recordings have, reaches to the end.
    const end = size.unknown ? data.length : Math.min(data.length, start + size.value);
    yield { id: id.value, content: data.subarray(start, end) };
    at = end;
  }
}

/** EBML's variable-size integer: the leading zeros of its first byte give the length. */
function variableInteger(data: Buffer, at: number, maxLength: number, dropMarker: boolean) {
  const first = data[at];
  if (first === undefined || first === 0) return null;
  const length = Math.clz32(first) - 23;
  if (length > maxLength || at + length > data.length) return null;
  let value = dropMarker ? first & (0xff >> length) : first;
  let unknown = value === 0xff >> length;
  for (let i = 1; i < length; i++) {
    const byte = data[at + i] ?? 0;
    value = value * 256 + byte;
    unknown &&= byte === 0xff;
  }
  return { value, length, unknown };
}

function unsigned(content: Buffer): number {
  return content.length > 0 && content.length <= 6 ? content.readUIntBE(0, content.length) : 0;
}
