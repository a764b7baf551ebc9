/** Bytes of a header, and the unit of everything in a tar archive. */
export const TAR_BLOCK = 512;
/** npm's own: 1985-10-26T08:15:00Z. A fixed date makes equal contents equal archives. */
const MODIFIED_SECONDS = 499162500;
const MAX_PATH_BYTES = 100;
/** Eleven octal digits. */
const MAX_OCTAL_SIZE = 8 ** 11 - 1;

/**
 * The header of a regular file in a tar archive (POSIX ustar).
 *
 * @param path relative, with slashes; at most 100 bytes
 */
export function tarHeader(entry: {
  path: string;
  size: number;
  isExecutable?: boolean;
}): Uint8Array<ArrayBuffer> {
  const { path, size, isExecutable = false } = entry;
  const encoder = new TextEncoder();
  if (encoder.encode(path).length > MAX_PATH_BYTES) {
    throw new Error(`The path is too long for a tar archive: ${path}`);
  }
  const block = new Uint8Array(TAR_BLOCK);
  const write = (text: string, at: number) => block.set(encoder.encode(text), at);
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, "0")}\0`;
  write(path, 0);
  write(octal(isExecutable ? 0o755 : 0o644, 7), 100);
  write(octal(0, 7), 108);
  write(octal(0, 7), 116);
  if (size <= MAX_OCTAL_SIZE) write(octal(size, 11), 124);
  else block.set(binaryNumber(size), 124);
  write(octal(MODIFIED_SECONDS, 11), 136);
  write("        0", 148);
  write("ustar\0", 257);
  write("00", 263);
  const sum = block.reduce((total, byte) => total + byte, 0);
  write(`${octal(sum, 6)} `, 148);
  return block;
}

/** A number of 12 bytes with the first bit set, as GNU tar writes sizes that have no room as octal text. */
function binaryNumber(value: number): Uint8Array {
  const field = new Uint8Array(12);
  new DataView(field.buffer).setBigUint64(4, BigInt(value));
  field[0] = 0x80;
  return field;
}

/** The path of a file in an archive; a name of ours for one that a header cannot hold. @param index from 0 */
export function tarPath(path: string, index: number): string {
  if (new TextEncoder().encode(path).length <= MAX_PATH_BYTES) return path;
  return `file_${index + 1}${/\.\w{1,10}$/.exec(path)?.[0] ?? ""}`;
}

/** Paths for files of which several may have the same name. */
export function uniquePaths(names: readonly string[]): string[] {
  const isUnique = new Set(names).size === names.length;
  return names.map((name, i) => (isUnique ? name : `${i + 1}/${name}`));
}

/** The zeros after a file of a size. */
export function tarPadding(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array((TAR_BLOCK - (size % TAR_BLOCK)) % TAR_BLOCK);
}
