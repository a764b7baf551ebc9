import { createHash, type Hash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

/** Bytes buffered before a write; each incoming body holds two such buffers. */
const WRITE_BATCH_BYTES = 512 * 1024;

/** Thrown by the source of a body; all other errors while storing a body come from the disk. */
export class BodyError extends Error {
  readonly failure: "body_incomplete" | "body_too_slow";

  constructor(failure: "body_incomplete" | "body_too_slow") {
    super(failure);
    this.failure = failure;
  }
}

/** The bytes of a body, in order. */
export type BodySource = AsyncIterable<Uint8Array>;

/** Hashes while it writes. */
export async function writeBlob(path: string, source: BodySource): Promise<{ size: number; sha256: string }> {
  const hash = createHash("sha256");
  const file = await open(path, "wx", 0o600);
  try {
    const size = await writeChunks(file, 0, hashing(source, hash));
    return { size, sha256: hash.digest("hex") };
  } finally {
    await file.close();
  }
}

/**
 * Writes at `offset` of a file, and ends it there: neither what was there before nor, after an error, what was written
 * stays beyond.
 *
 * @returns the bytes written, or null when the file is shorter than `offset`
 */
export async function appendToBlob(path: string, offset: number, source: BodySource): Promise<number | null> {
  const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    const { size } = await file.stat();
    if (size < offset) return null;
    if (size > offset) await file.truncate(offset);
    return await writeChunks(file, offset, source).catch(async (error: unknown) => {
      await file.truncate(offset).catch(() => undefined);
      throw error;
    });
  } finally {
    await file.close();
  }
}

async function* hashing(source: BodySource, hash: Hash): BodySource {
  for await (const chunk of source) {
    hash.update(chunk);
    yield chunk;
  }
}

/** The disk works on one batch while the next one arrives. @returns the bytes written */
async function writeChunks(file: FileHandle, position: number, source: BodySource): Promise<number> {
  let size = 0;
  let batch: Uint8Array[] = [];
  let batched = 0;
  let writing: Promise<unknown> = Promise.resolve();
  const flush = async () => {
    await writing;
    const chunks = batch;
    writing = chunks.length === 0 ? writing : writeAll(file, position + size - batched, chunks);
    // The next flush reports its failure.
    writing.catch(() => undefined);
    batch = [];
    batched = 0;
  };
  try {
    for await (const chunk of source) {
      size += chunk.byteLength;
      batch.push(chunk);
      batched += chunk.byteLength;
      if (batched >= WRITE_BATCH_BYTES) await flush();
    }
    await flush();
    await writing;
  } finally {
    await writing.catch(() => undefined);
  }
  return size;
}

/** A full disk may accept some of the bytes before it refuses the rest. */
async function writeAll(file: FileHandle, position: number, chunks: Uint8Array[]): Promise<void> {
  const total = chunks.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const { bytesWritten } = await file.writev(chunks, position);
  if (bytesWritten === total) return;
  const all = Buffer.concat(chunks);
  for (let at = bytesWritten; at < total; ) {
    at += (await file.write(all, at, total - at, position + at)).bytesWritten;
  }
}

/** @returns the file's size */
export async function syncFile(path: string): Promise<number> {
  const file = await open(path, "r");
  try {
    await file.datasync();
    return (await file.stat()).size;
  } finally {
    await file.close();
  }
}
