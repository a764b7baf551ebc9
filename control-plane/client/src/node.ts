import { createHash, type Hash } from "node:crypto";
import { createReadStream, openAsBlob } from "node:fs";
import { open, rename, rm, stat } from "node:fs/promises";
import { basename } from "node:path";
import type { ResultEntry } from "@splatt/shared";
import {
  DamagedFile,
  type DownloadOptions,
  type Splatt,
  type UploadOptions,
  type UploadSource,
} from "./index.ts";

/** A file on disk, to be uploaded. It is read while it is sent. */
export async function openFile(path: string): Promise<UploadSource> {
  return { name: basename(path), content: await openAsBlob(path) };
}

/** Uploads a file from disk. @returns the upload's id, for `createJob` */
export async function uploadFile(splatt: Splatt, path: string, options?: UploadOptions): Promise<string> {
  return splatt.upload(await openFile(path), options);
}

/**
 * Downloads a result file. What an earlier, interrupted call left in `PATH.part` is continued; the file gets its name
 * when it is complete. One that is there already is not downloaded again.
 *
 * @throws DamagedFile when its size or SHA-256 differs from what the job states
 */
export async function downloadFile(
  splatt: Splatt,
  result: ResultEntry,
  path: string,
  options: DownloadOptions = {},
): Promise<void> {
  const { size, sha256 } = result;
  if ((await sizeOf(path)) === size && (await sha256File(path, options)).digest("hex") === sha256) {
    options.onProgress?.(size);
    return;
  }
  const part = `${path}.part`;
  const found = await sizeOf(part);
  const offset = found !== null && found <= size ? found : 0;
  if ((await fetchInto(splatt, result, part, offset, options)) !== sha256) {
    await rm(part, { force: true });
    // What was there may have been another file's.
    if (offset === 0 || (await fetchInto(splatt, result, part, 0, options)) !== sha256) {
      await rm(part, { force: true });
      throw new DamagedFile(result.url);
    }
  }
  await rename(part, path);
}

/** Writes the bytes from `offset` on to the end of a file. @returns the SHA-256 of the whole file, hex */
async function fetchInto(
  splatt: Splatt,
  result: ResultEntry,
  part: string,
  offset: number,
  options: DownloadOptions,
): Promise<string> {
  const hash = offset === 0 ? createHash("sha256") : await sha256File(part, options);
  let at = offset;
  const file = await open(part, offset === 0 ? "w" : "a");
  try {
    for await (const chunk of splatt.readResult(result, offset, options)) {
      await file.writeFile(chunk);
      hash.update(chunk);
      at += chunk.byteLength;
      options.onProgress?.(at);
    }
  } finally {
    await file.close();
  }
  return hash.digest("hex");
}

/** The SHA-256 of a file, to be continued or digested. */
export async function sha256File(
  path: string,
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<Hash> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) {
    signal?.throwIfAborted();
    hash.update(chunk);
  }
  return hash;
}

async function sizeOf(path: string): Promise<number | null> {
  const found = await stat(path).catch(() => null);
  return found?.isFile() ? found.size : null;
}
