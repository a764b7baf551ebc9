const BLOCK = 512;
/** npm's own: 1985-10-26T08:15:00Z. A fixed date makes equal contents equal archives. */
const MODIFIED_SECONDS = 499162500;

export interface TarEntry {
  /** Relative, with slashes; at most 100 bytes. */
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly isExecutable: boolean;
}

/** A tar archive (POSIX ustar) of regular files. Equal entries give equal bytes. */
export function tarArchive(entries: readonly TarEntry[]): Uint8Array {
  const blocks = entries.flatMap((entry) => [header(entry), entry.bytes, padding(entry.bytes.byteLength)]);
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]);
}

function padding(length: number): Uint8Array {
  return Buffer.alloc((BLOCK - (length % BLOCK)) % BLOCK);
}

function header({ path, bytes, isExecutable }: TarEntry): Uint8Array {
  if (Buffer.byteLength(path) > 100) throw new Error(`The path is too long for a tar archive: ${path}`);
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, "0")}\0`;
  block.write(path, 0);
  block.write(octal(isExecutable ? 0o755 : 0o644, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(bytes.byteLength, 11), 124);
  block.write(octal(MODIFIED_SECONDS, 11), 136);
  block.write("        0", 148);
  block.write("ustar\0", 257);
  block.write("00", 263);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)} `, 148);
  return block;
}
