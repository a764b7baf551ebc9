import type { FileHandle } from "node:fs/promises";
import type { Rectangle } from "./bars.ts";
import type { ByteRange } from "./codec-change.ts";
import { type Box, boxes, findBox, readBytes } from "./iso-boxes.ts";
import { type Orientation, orientationOf } from "./orientation.ts";

/** Track facts of an MP4 or QuickTime file (ISO 14496-12) that not every ffprobe version prints. */
export interface IsoTrack {
  /** The track's number in the file, which ffprobe prints as the stream's `id`. */
  readonly id: number;
  /** The orientation of the pictures; null when the file does not declare it. */
  readonly orientation: Orientation | null;
  /** The visible part of the stored picture (`clap`), in whole pixels. */
  readonly crop: Rectangle | null;
  /** Whether the track holds a second eye's view that plain HEVC decoders skip (MV-HEVC). */
  readonly spatial: boolean;
  /** Whether its pictures are encrypted, also after a clear beginning: Common Encryption (ISO 23001-7) or FairPlay. */
  readonly encrypted: boolean;
  /** Whether a later sample description has another codec, whose pictures ffmpeg skips. */
  readonly mixedCodecs: boolean;
}

export interface IsoMovie {
  readonly videos: readonly IsoTrack[];
  /** Whether a track marks the moment of a still: the clip belongs to a live photo. */
  readonly livePhoto: boolean;
  /** Whether its last box ends after the file does. */
  readonly cutOff: boolean;
  /** The share of its bytes up to a damaged part, where reading stops although further fragments follow. */
  readonly shareReadable: number;
  /** Whether it declares how long it is. Most fragmented files do not: ffprobe adds up the fragments that are there. */
  readonly declaresDuration: boolean;
}

const MAX_SAMPLE_ENTRY_BYTES = 65_536;
/** Bytes of a visual sample entry before its child boxes. */
const VISUAL_SAMPLE_ENTRY_BYTES = 78;

const MOVIE_BOXES = new Set(["moov", "moof", "mdat"]);

/**
 * @param part of the file, as if it were all of it; null for all of it
 * @returns an empty result when it is not ISO media or too damaged to read
 */
export async function readIsoMovie(file: FileHandle, part: ByteRange | null = null): Promise<IsoMovie> {
  const from = part?.from ?? 0;
  const to = part?.to ?? (await file.stat()).size;
  const videos: IsoTrack[] = [];
  let [livePhoto, cutOff, fragmented, indexed] = [false, false, false, false];
  let end = from;
  for await (const movie of boxes(file, from, to)) {
    if (movie.type !== NO_TYPE) end = movie.end;
    // Anything else may follow the last box.
    cutOff ||= !movie.whole && MOVIE_BOXES.has(movie.type);
    if (movie.type === "sidx") indexed ||= await listsFragments(file, movie);
    if (movie.type !== "moov") continue;
    for await (const box of boxes(file, movie.start, movie.end)) {
      fragmented ||= box.type === "mvex";
      if (box.type !== "trak") continue;
      const entry = await readSampleEntry(file, box);
      if (entry.handler === "meta") livePhoto ||= entry.bytes.includes(STILL_IMAGE_TIME);
      if (entry.handler === "vide") videos.push({ ...entry.header, ...describe(entry.bytes) });
    }
  }
  const shareReadable = fragmented && (await hasFragment(file, end, to)) ? (end - from) / (to - from) : 1;
  return { videos, livePhoto, cutOff, shareReadable, declaresDuration: !fragmented || indexed };
}

/** What zeros in place of a box look like: a box up to the end of the file. */
const NO_TYPE = "\0\0\0\0";
const BLOCK_BYTES = 1_048_576;

/** Whether a fragment begins in a range of the file, wherever that is. Its header is the first box in it. */
async function hasFragment(file: FileHandle, from: number, to: number): Promise<boolean> {
  for (let at = from; at < to; at += BLOCK_BYTES) {
    const block = await readBytes(file, at, BLOCK_BYTES + 16);
    for (let found = block.indexOf("moof"); found >= 0; found = block.indexOf("moof", found + 4)) {
      if (block.toString("latin1", found + 8, found + 12) === "mfhd") return true;
    }
  }
  return false;
}

/** Whether a segment index lists several fragments. Each fragment may also have an index of its own. */
async function listsFragments(file: FileHandle, index: Box): Promise<boolean> {
  const header = await readBytes(file, index.start, 32);
  // Version 1 has times and offsets of eight bytes.
  const count = header[0] === 1 ? 30 : 22;
  return header.length >= count + 2 && header.readUInt16BE(count) > 1;
}

/** The key of the metadata with which Apple's cameras mark a live photo's still. */
const STILL_IMAGE_TIME = "com.apple.quicktime.still-image-time";

/** The first entry of a track's sample descriptions, from its size on. */
async function readSampleEntry(
  file: FileHandle,
  track: Box,
): Promise<{ header: Pick<IsoTrack, "id" | "orientation">; handler: string; bytes: Buffer }> {
  const header = await readBytes(file, (await findBox(file, track, ["tkhd"]))?.start, 96);
  const handler = await readBytes(file, (await findBox(file, track, ["mdia", "hdlr"]))?.start, 12);
  const descriptions = await findBox(file, track, ["mdia", "minf", "stbl", "stsd"]);
  // A version and flags, and the number of entries, come before the first one.
  const first = descriptions ? descriptions.start + 8 : undefined;
  const length = first === undefined ? 0 : Math.min((descriptions?.end ?? 0) - first, MAX_SAMPLE_ENTRY_BYTES);
  return {
    header: describeHeader(header),
    handler: handler.toString("latin1", 8, 12),
    bytes: await readBytes(file, first, Math.max(0, length)),
  };
}

/** @param header a track header's content; version 1 has longer times */
function describeHeader(header: Buffer): Pick<IsoTrack, "id" | "orientation"> {
  if (header.length < 96) return { id: 0, orientation: null };
  const isLong = header[0] === 1;
  const matrix = isLong ? 52 : 40;
  const at = (i: number) => header.readInt32BE(matrix + 4 * i);
  return {
    id: header.readUInt32BE(isLong ? 20 : 12),
    orientation: orientationOf([at(0), at(1)], [at(3), at(4)]),
  };
}

/** Names of the same codec, which differ in where its parameters are. */
const SAME_CODEC: Readonly<Record<string, string>> = {
  avc3: "avc1",
  hev1: "hvc1",
  dvhe: "hvc1",
  dvh1: "hvc1",
};

/** @param entries sample entries, from the first one's size on */
function* sampleCodecs(entries: Buffer): Generator<string> {
  for (let at = 0; at + 8 <= entries.length; ) {
    const type = entries.toString("latin1", at + 4, at + 8);
    yield SAME_CODEC[type] ?? type;
    at += Math.max(8, entries.readUInt32BE(at));
  }
}

/** @param entry a visual sample entry, from its size on, and those that follow */
function describe(entry: Buffer): Omit<IsoTrack, "id" | "orientation"> {
  const codecs = [...sampleCodecs(entry)];
  const found = {
    crop: null as Rectangle | null,
    spatial: false,
    encrypted: codecs.some((codec) => ["encv", "drmi"].includes(codec)),
    mixedCodecs: new Set(codecs).size > 1,
  };
  if (entry.length < 8 + VISUAL_SAMPLE_ENTRY_BYTES) return found;
  const stored = { width: entry.readUInt16BE(32), height: entry.readUInt16BE(34) };
  const end = Math.min(entry.length, entry.readUInt32BE(0));
  for (let at = 8 + VISUAL_SAMPLE_ENTRY_BYTES; at + 8 <= end; ) {
    const size = entry.readUInt32BE(at);
    const type = entry.toString("latin1", at + 4, at + 8);
    if (size < 8 || at + size > end) break;
    if (type === "clap") found.crop = cleanAperture(entry.subarray(at + 8, at + size), stored);
    if (type === "lhvC" || type === "vexu") found.spatial = true;
    if (type === "sinf") found.encrypted = true;
    at += size;
  }
  return found;
}

/** ISO 14496-12, 12.1.4: four fractions; the offsets are from the picture's centre to the aperture's. */
function cleanAperture(
  content: Buffer,
  stored: { readonly width: number; readonly height: number },
): Rectangle | null {
  if (content.length < 32) return null;
  const fraction = (at: number) => content.readInt32BE(at) / content.readInt32BE(at + 4);
  const width = Math.round(fraction(0));
  const height = Math.round(fraction(8));
  const left = Math.round((stored.width - width) / 2 + fraction(16));
  const top = Math.round((stored.height - height) / 2 + fraction(24));
  return insideOf(stored, { left, top, width, height });
}

/** @returns null unless it is a proper part of the picture */
export function insideOf(
  stored: { readonly width: number; readonly height: number },
  crop: Rectangle,
): Rectangle | null {
  const { left, top, width, height } = crop;
  if (!(width > 0 && height > 0 && left >= 0 && top >= 0)) return null;
  if (left + width > stored.width || top + height > stored.height) return null;
  return width === stored.width && height === stored.height ? null : crop;
}
