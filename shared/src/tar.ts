/** Bytes of a header, and the unit of everything in a tar archive. */
export const TAR_BLOCK = 512;
/** npm's own: 1985-10-26T08:15:00Z. A fixed date makes equal contents equal archives. */
const MODIFIED_SECONDS = 499162500;
const MAX_PATH_BYTES = 100;

/** The header of a regular file in a tar archive (POSIX ustar). @param path relative, with slashes; at most 100 bytes */
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
  write(octal(size, 11), 124);
  write(octal(MODIFIED_SECONDS, 11), 136);
  write("        0", 148);
  write("ustar\0", 257);
  write("00", 263);
  const sum = block.reduce((total, byte) => total + byte, 0);
  write(`${octal(sum, 6)} `, 148);
  return block;
}

/** The zeros after a file of a size. */
export function tarPadding(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array((TAR_BLOCK - (size % TAR_BLOCK)) % TAR_BLOCK);
}
