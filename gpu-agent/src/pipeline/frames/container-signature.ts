/** What the first bytes of a file say that it is. */
export type Signature =
  | "video"
  /** A web page. */
  | "html"
  /** A list of other files' addresses, which a player would go and open. */
  | "playlist"
  | "text"
  /** A well-known format that holds no video: an archive, a document, a picture, a sound. */
  | "other"
  | "empty"
  | "unknown";

/** So many bytes are enough for `signatureOf`. */
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

const OTHER_FORMATS: readonly (readonly number[])[] = [
  [0x50, 0x4b, 0x03, 0x04], // ZIP
  [0x1f, 0x8b], // gzip
  [0x37, 0x7a, 0xbc, 0xaf], // 7z
  [0x52, 0x61, 0x72, 0x21], // RAR
  [0x25, 0x50, 0x44, 0x46], // PDF
  [0xff, 0xd8, 0xff], // JPEG
  [0x89, 0x50, 0x4e, 0x47], // PNG
  [0x47, 0x49, 0x46, 0x38], // GIF
  [0x49, 0x44, 0x33], // MP3
  [0x7f, 0x45, 0x4c, 0x46], // ELF
];

/** Tells by a file's first bytes what it is. Its name and the server's word for it do not count. */
export function signatureOf(head: Uint8Array): Signature {
  if (head.length === 0) return "empty";
  if (isVideo(head)) return "video";
  const beginning = new TextDecoder("latin1").decode(head.subarray(0, SIGNATURE_BYTES));
  const text = beginning.replace(/^(?:\u00ef\u00bb\u00bf)?\s+|^\u00ef\u00bb\u00bf/, "").toLowerCase();
  if (/^(?:#extm3u|ffconcat |\[playlist\]|<smil|<mpd)/.test(text) || /^<\?xml[^>]*>\s*<mpd/.test(text))
    return "playlist";
  if (/^(?:<!doctype html|<html|<head|<body|<script)/.test(text)) return "html";
  if (OTHER_FORMATS.some((magic) => magic.every((byte, i) => head[i] === byte))) return "other";
  return isText(head) ? "text" : "unknown";
}

function isVideo(head: Uint8Array): boolean {
  const ascii = (from: number, to: number) => String.fromCharCode(...head.subarray(from, to));
  if (ISO_MEDIA_BOXES.has(ascii(4, 8))) return true;
  // Matroska and WebM: an EBML header.
  if (head[0] === 0x1a && head[1] === 0x45 && head[2] === 0xdf && head[3] === 0xa3) return true;
  if (ascii(0, 4) === "RIFF" && ascii(8, 12) === "AVI ") return true;
  // MPEG transport stream: a sync byte every 188 bytes, or 192 with time codes in front.
  const synced = (first: number, step: number) => [0, 1, 2].every((i) => head[first + i * step] === 0x47);
  return synced(0, 188) || synced(4, 192);
}

/** No control characters but those that text has. */
function isText(head: Uint8Array): boolean {
  return head.every((byte) => byte >= 0x20 || (byte >= 0x08 && byte <= 0x0d) || byte === 0x1b);
}
