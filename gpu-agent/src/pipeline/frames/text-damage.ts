/** The number of bytes at a file's beginning that `textDamage` needs. */
export const TEXT_DAMAGE_BYTES = 65_536;

/** What decoders put in place of bytes that are no UTF-8: U+FFFD. */
const REPLACEMENT = Buffer.from("\ufffd", "utf8");
const LEAST_REPLACEMENTS = 16;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
/** Among random bytes, one in 256 line feeds has a carriage return before it. */
const LEAST_LINE_FEEDS = 8;

/** How a program destroyed a video by treating it as text, in a sentence; null when none did. */
export function textDamage(head: Buffer): string | null {
  if (countOf(head, REPLACEMENT) >= LEAST_REPLACEMENTS && isUtf8(head)) {
    return "A program read it as text and wrote it again, which destroys it. Copy or send it as binary data.";
  }
  const isTransferred = head.every(
    (byte, i) => byte !== LINE_FEED || i === 0 || head[i - 1] === CARRIAGE_RETURN,
  );
  return isTransferred && countOf(head, Buffer.from([LINE_FEED])) >= LEAST_LINE_FEEDS
    ? "A transfer in text mode changed its line feeds, which destroys it. Transfer it in binary mode."
    : null;
}

function countOf(bytes: Buffer, wanted: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + wanted.length)) count++;
  return count;
}

/** Whether the bytes are UTF-8, up to a last character that may be cut. */
function isUtf8(bytes: Buffer): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}
