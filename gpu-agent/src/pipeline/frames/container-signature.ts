import { isTarHeader } from "../photos/tar-header.ts";

/** The type of a file, from its first bytes. */
export type Signature =
  | "video"
  /** A web page. */
  | "html"
  /** A list of URLs that a player would open. */
  | "playlist"
  | "text"
  /** A still picture. */
  | "image"
  /** A short loop of pictures without sound, of reduced quality. */
  | "animation"
  /** A zip or tar, perhaps of photos, or an archive that we do not read. */
  | "archive"
  /** Pictures without a container, so without times. */
  | "bare-stream"
  /** Pictures in a container that few programs read: YUV4MPEG2, IVF, DV. */
  | "simple-container"
  /** Sound only, no pictures. */
  | "sound"
  /** The body of a web form that has the file in it, as `curl -F` sends it. */
  | "form"
  /** A well-known format without pictures, such as a document. */
  | "other"
  | "empty"
  | "unknown";

/** The number of bytes that `signatureOf` needs. */
export const SIGNATURE_BYTES = 1024;

const ISO_MEDIA_BOXES = new Set([
  "ftyp",
  "moov",
  "mdat",
  "moof",
  "styp",
  "free",
  "skip",
  "wide",
  "pnot",
  "uuid",
]);

const ARCHIVE_FORMATS: readonly (readonly number[])[] = [
  [0x50, 0x4b, 0x03, 0x04], // ZIP
  [0x50, 0x4b, 0x05, 0x06], // ZIP, empty
  [0x50, 0x4b, 0x07, 0x08], // ZIP, split
  [0x1f, 0x8b], // gzip
  [0x37, 0x7a, 0xbc, 0xaf], // 7z
  [0x52, 0x61, 0x72, 0x21], // RAR
];
const OTHER_FORMATS: readonly (readonly number[])[] = [
  [0x25, 0x50, 0x44, 0x46], // PDF
  [0x7f, 0x45, 0x4c, 0x46], // ELF
];
const SOUND_FORMATS: readonly (readonly number[])[] = [
  [0x49, 0x44, 0x33], // MP3
  [0x66, 0x4c, 0x61, 0x43], // FLAC
  [0x23, 0x21, 0x41, 0x4d, 0x52], // AMR
];
const BARE_STREAMS: readonly (readonly number[])[] = [
  [0x00, 0x00, 0x01, 0xb3], // MPEG-1 and MPEG-2: a sequence
  [0x00, 0x00, 0x01, 0xb0], // MPEG-4: a sequence
  [0x12, 0x00, 0x0a], // AV1: a temporal delimiter and a sequence
];
/** Their headers have the frame rate. */
const SIMPLE_CONTAINERS: readonly (readonly number[])[] = [
  [0x44, 0x4b, 0x49, 0x46], // IVF
  [0x59, 0x55, 0x56, 0x34, 0x4d, 0x50, 0x45, 0x47, 0x32], // YUV4MPEG2
  [0x1f, 0x07, 0x00], // DV
];

const IMAGE_FORMATS: readonly (readonly number[])[] = [
  [0xff, 0xd8, 0xff], // JPEG
  [0x49, 0x49, 0x2a, 0x00], // TIFF, and most raw formats of cameras
  [0x4d, 0x4d, 0x00, 0x2a],
  [0x38, 0x42, 0x50, 0x53], // Photoshop
  [0xff, 0x0a], // JPEG XL
  [0x00, 0x00, 0x00, 0x0c, 0x4a, 0x58, 0x4c, 0x20],
];
/** HEIC and AVIF share the MP4 container; the brand identifies them. */
const IMAGE_BRANDS = new Set([
  "heic",
  "heix",
  "heim",
  "heis",
  "mif1",
  "mif2",
  "avif",
  "miaf",
  "jxl ",
  "crx ",
]);
const ANIMATION_BRANDS = new Set(["avis", "msf1", "hevc", "hevx"]);

/** Determines a file's type from its first bytes, regardless of its name or Content-Type. */
export function signatureOf(head: Uint8Array): Signature {
  if (head.length === 0) return "empty";
  const beginning = new TextDecoder("latin1").decode(head.subarray(0, SIGNATURE_BYTES));
  // A tar begins with the name of its first entry, which may look like any other format.
  if (isTarHeader(head)) return "archive";
  const image = imageSignature(head, beginning);
  if (image) return image;
  if (isVideo(head)) return "video";
  const text = beginning.replace(/^(?:\u00ef\u00bb\u00bf)?\s+|^\u00ef\u00bb\u00bf/, "").toLowerCase();
  if (
    /^(?:#extm3u|ffconcat |\[playlist\]|<smil|<mpd)/.test(text) ||
    /^<(?:\?xml|!--).*<(?:mpd|smooths)/s.test(text)
  )
    return "playlist";
  if (/^--\S+\r?\ncontent-disposition: form-data/.test(text)) return "form";
  if (/^(?:<!doctype html|<html|<head|<body|<script)/.test(text)) return "html";
  if (startsWithAny(head, ARCHIVE_FORMATS)) return "archive";
  if (isBareStream(head)) return "bare-stream";
  if (startsWithAny(head, SIMPLE_CONTAINERS)) return "simple-container";
  if (isSound(head, beginning)) return "sound";
  if (startsWithAny(head, OTHER_FORMATS)) return "other";
  return isText(head) ? "text" : "unknown";
}

function startsWithAny(head: Uint8Array, formats: readonly (readonly number[])[]): boolean {
  return formats.some((magic) => magic.every((byte, i) => head[i] === byte));
}

function imageSignature(head: Uint8Array, beginning: string): "image" | "animation" | null {
  if (startsWithAny(head, IMAGE_FORMATS)) return "image";
  if (beginning.slice(4, 8) === "ftyp") {
    const brand = beginning.slice(8, 12);
    if (ANIMATION_BRANDS.has(brand)) return "animation";
    return IMAGE_BRANDS.has(brand) ? "image" : null;
  }
  // The animation control chunk of a PNG comes before its first picture.
  if (beginning.slice(1, 4) === "PNG") return beginning.includes("acTL") ? "animation" : "image";
  if (beginning.startsWith("GIF8")) {
    return beginning.includes("NETSCAPE2.0") || beginning.includes("ANIMEXTS") ? "animation" : "image";
  }
  if (beginning.startsWith("RIFF") && beginning.slice(8, 12) === "WEBP") {
    // The extended header's flags have a bit for animation.
    return beginning.slice(12, 16) === "VP8X" && ((head[20] ?? 0) & 0x02) !== 0 ? "animation" : "image";
  }
  return isBitmap(head) ? "image" : null;
}

function isBitmap(head: Uint8Array): boolean {
  return head[0] === 0x42 && head[1] === 0x4d && [0, 0, 0, 0].every((byte, i) => head[6 + i] === byte);
}

const VIDEO_FORMATS: readonly (readonly number[])[] = [
  [0x1a, 0x45, 0xdf, 0xa3], // Matroska and WebM: an EBML header
  [0x46, 0x4c, 0x56, 0x01], // FLV
  [0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11], // ASF: WMV
  [0x4f, 0x67, 0x67, 0x53], // Ogg
  [0x00, 0x00, 0x01, 0xba], // MPEG program stream
  [0x06, 0x0e, 0x2b, 0x34, 0x02, 0x05, 0x01, 0x01], // MXF
];

function isVideo(head: Uint8Array): boolean {
  const ascii = (from: number, to: number) => String.fromCharCode(...head.subarray(from, to));
  if (ISO_MEDIA_BOXES.has(ascii(4, 8))) return true;
  if (startsWithAny(head, VIDEO_FORMATS)) return true;
  if (ascii(0, 4) === "RIFF" && ascii(8, 12) === "AVI ") return true;
  // MPEG transport stream: a sync byte every 188 bytes, or 192 with time codes in front.
  const synced = (first: number, step: number) => [0, 1, 2].every((i) => head[first + i * step] === 0x47);
  return synced(0, 188) || synced(4, 192);
}

function isBareStream(head: Uint8Array): boolean {
  if (startsWithAny(head, BARE_STREAMS)) return true;
  // H.264 and HEVC: a start code, and the first unit, which is a delimiter, a parameter set or a message.
  const code = [3, 2].find(
    (zeros) => head[zeros] === 1 && head.subarray(0, zeros).every((byte) => byte === 0),
  );
  if (code === undefined) return false;
  const [type = 0, second = 0] = head.subarray(code + 1, code + 3);
  const isAvc = (type & 0x80) === 0 && [6, 7, 9].includes(type & 0x1f);
  return isAvc || (second === 0x01 && [32, 33, 35, 39].includes(type >> 1));
}

function isSound(head: Uint8Array, beginning: string): boolean {
  if (/^(?:RIFF....WAVE|FORM....AIF[FC])/s.test(beginning)) return true;
  // MPEG audio without tags, and AAC: eleven bits of synchronisation, and no reserved version or layer of MP3.
  const [sync = 0, next = 0] = head;
  const isMpegAudio = sync === 0xff && [0xfb, 0xfa, 0xf3, 0xf2, 0xf1, 0xf9, 0xf0, 0xf8].includes(next);
  return isMpegAudio || startsWithAny(head, SOUND_FORMATS);
}

/** Whether it has no control characters other than those of text. */
function isText(head: Uint8Array): boolean {
  return head.every((byte) => byte >= 0x20 || (byte >= 0x08 && byte <= 0x0d) || byte === 0x1b);
}
