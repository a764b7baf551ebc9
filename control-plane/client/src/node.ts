import { createHash } from "node:crypto";
import { constants, createReadStream, openAsBlob } from "node:fs";
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
 * Downloads a result file. What an earlier, interrupted call left is continued; the file gets its name when it is
 * complete. One that is there already is not downloaded again.
 *
 * @throws DamagedFile when its size or SHA-256 differs from what the job states
 */
export async function downloadFile(
  splatt: Splatt,
  result: ResultEntry,
  path: string,
  options: DownloadOptions = {},
): Promise<void> {
  const isWhole = (file: string) => isFileOf(result, file, options);
  if (await isWhole(path)) {
    options.onProgress?.(result.size);
    return;
  }
  const part = partPath(path, result);
  const found = (await sizeOf(part)) ?? 0;
  const offset = found <= result.size ? found : 0;
  // What was there may be damaged.
  for (const start of new Set([offset, 0])) {
    await fetchInto(splatt, result, part, start, options);
    if (await isWhole(part)) return moveInto(path, part, isWhole);
    if (await isWhole(path)) return;
  }
  await rm(part, { force: true });
  throw new DamagedFile(result.url);
}

/**
 * Where a file is kept until it is complete. Its name says what it will contain, and each byte is written to its place,
 * so that calls at the same time do not disturb each other.
 */
function partPath(path: string, { sha256 }: Pick<ResultEntry, "sha256">): string {
  return `${path}.${sha256.slice(0, 8)}.part`;
}

/** Another call may have moved the file already. */
async function moveInto(
  path: string,
  part: string,
  isWhole: (file: string) => Promise<boolean>,
): Promise<void> {
  try {
    await rename(part, path);
  } catch (error) {
    if (!(await isWhole(path))) throw error;
  }
}

async function fetchInto(
  splatt: Splatt,
  result: ResultEntry,
  part: string,
  offset: number,
  options: DownloadOptions,
): Promise<void> {
  let at = offset;
  const file = await open(part, constants.O_WRONLY | constants.O_CREAT);
  try {
    for await (const chunk of splatt.readResult(result, offset, options)) {
      for (let written = 0; written < chunk.byteLength; ) {
        written += (await file.write(chunk, written, chunk.byteLength - written, at + written)).bytesWritten;
      }
      at += chunk.byteLength;
      options.onProgress?.(at);
    }
    await file.truncate(at);
  } finally {
    await file.close();
  }
}

async function isFileOf(
  { size, sha256 }: ResultEntry,
  path: string,
  options: DownloadOptions,
): Promise<boolean> {
  return (await sizeOf(path)) === size && (await sha256Of(path, options)) === sha256;
}

/** @returns null when there is no such file */
async function sha256Of(path: string, { signal }: DownloadOptions): Promise<string | null> {
  const hash = createHash("sha256");
  try {
    for await (const chunk of createReadStream(path)) {
      signal?.throwIfAborted();
      hash.update(chunk);
    }
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
  return hash.digest("hex");
}

async function sizeOf(path: string): Promise<number | null> {
  const found = await stat(path).catch(() => null);
  return found?.isFile() ? found.size : null;
}
