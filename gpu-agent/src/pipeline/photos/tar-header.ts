import { TAR_BLOCK } from "@splatt/shared";

/** Whether a file begins with a tar header. The checksum is the only mark that all variants have. */
export function isTarHeader(head: Uint8Array): boolean {
  if (head.length < TAR_BLOCK || head[0] === 0) return false;
  let sum = 0;
  // The checksum counts its own field as spaces.
  for (let i = 0; i < TAR_BLOCK; i++) sum += i >= 148 && i < 156 ? 0x20 : (head[i] ?? 0);
  return sum === tarNumber(head.subarray(148, 156));
}

/** A number: octal text or, with the first bit set, binary. NaN for anything else. */
export function tarNumber(field: Uint8Array): number {
  if (((field[0] ?? 0) & 0x80) === 0) {
    const digits = tarText(field).trim();
    return /^[0-7]*$/.test(digits) ? Number.parseInt(digits || "0", 8) : Number.NaN;
  }
  return field.reduce((sum, byte, i) => sum * 256 + (i === 0 ? byte & 0x7f : byte), 0);
}

/** Text up to the first zero byte. */
export function tarText(field: Uint8Array): string {
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}
