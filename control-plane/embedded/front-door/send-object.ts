import { type FileHandle, open } from "node:fs/promises";
import type { Writable } from "node:stream";
import type { ObjectRead } from "../object-store/object-store.ts";
import { type ReadChunk, readAsync } from "./read-chunk.ts";

/** The size of one read and write: both buffers of a download fit a processor's cache. */
const CHUNK_BYTES = 256 * 1024;

/**
 * Writes an object to a client at the client's pace: reads at most one chunk ahead of the one being sent.
 *
 * @returns false when the client left, stalled, or the file could not be read to its end
 */
export async function sendObject(
  segments: ObjectRead["segments"],
  client: Writable,
  stalledMs: number,
  read: ReadChunk = readAsync,
): Promise<boolean> {
  const buffers = [Buffer.allocUnsafe(CHUNK_BYTES), Buffer.allocUnsafe(CHUNK_BYTES)];
  let turn = 0;
  let written: Promise<boolean> = Promise.resolve(true);
  for (const { path, offset, length } of segments) {
    let file: FileHandle | null = null;
    try {
      file = await open(path, "r");
      for (let at = 0; at < length; ) {
        const buffer = buffers[turn % 2] ?? Buffer.alloc(0);
        turn += 1;
        const bytesRead = await read(file, buffer, Math.min(CHUNK_BYTES, length - at), offset + at);
        if (bytesRead === 0 || !(await written)) return false;
        written = write(client, buffer.subarray(0, bytesRead), stalledMs);
        at += bytesRead;
      }
    } catch {
      return false;
    } finally {
      await written;
      await file?.close();
    }
  }
  return written;
}

/** @returns whether the kernel took all of the chunk in time */
function write(client: Writable, chunk: Buffer, stalledMs: number): Promise<boolean> {
  if (client.destroyed) return Promise.resolve(false);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const onClose = () => resolve(false);
  const timer = setTimeout(() => resolve(false), stalledMs);
  client.once("close", onClose);
  client.write(chunk, (error) => resolve(!error));
  return promise.finally(() => {
    clearTimeout(timer);
    client.off("close", onClose);
  });
}
