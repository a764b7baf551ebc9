import { createReadStream, createWriteStream } from "node:fs";
import { open, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { err, errorText, type Failure, failure, type Result, TAR_BLOCK } from "@splatt/shared";
import type { Archive, ArchiveLimits } from "./archive.ts";
import { openTar } from "./tar-archive.ts";
import { isTarHeader } from "./tar-header.ts";
import { openZip } from "./zip-archive.ts";

type Container = "zip" | "tar" | "gzip" | "other";

/**
 * Opens an archive, and lists it within the limits.
 *
 * @param dir for the unpacked tar of a .tar.gz
 * @returns `archive_corrupt`, `archive_unsupported`, `archive_unsafe` or `archive_too_large`
 */
export async function openArchive(
  file: string,
  dir: string,
  limits: ArchiveLimits,
  signal: AbortSignal,
): Promise<Result<Archive, Failure>> {
  const { size } = await stat(file);
  switch (await containerOf(file)) {
    case "zip":
      return openZip(file, size, limits);
    case "tar":
      return openTar(file, size, limits);
    case "gzip":
      return openGzip(file, size, join(dir, "archive.tar"), limits, signal);
    case "other":
      return err(failure("archive_unsupported", "It is a 7z, RAR or other archive."));
  }
}

async function containerOf(file: string): Promise<Container> {
  await using handle = await open(file);
  const head = Buffer.alloc(4);
  await handle.read(head, 0, head.length, 0);
  if (head[0] === 0x50 && head[1] === 0x4b) return "zip";
  if (head[0] === 0x1f && head[1] === 0x8b) return "gzip";
  const isPacked = (head[0] === 0x37 && head[1] === 0x7a) || (head[0] === 0x52 && head[1] === 0x61);
  return isPacked && !(await looksLikeTar(handle)) ? "other" : "tar";
}

async function looksLikeTar(handle: Awaited<ReturnType<typeof open>>): Promise<boolean> {
  const magic = Buffer.alloc(5);
  await handle.read(magic, 0, magic.length, 257);
  return magic.toString("latin1") === "ustar";
}

async function isTar(file: string): Promise<boolean> {
  await using handle = await open(file);
  const header = Buffer.alloc(TAR_BLOCK);
  await handle.read(header, 0, header.length, 0);
  return isTarHeader(header);
}

/** Unpacks the gzip around a tar to a file, so that its entries can be read in any order. */
async function openGzip(
  file: string,
  size: number,
  tar: string,
  limits: ArchiveLimits,
  signal: AbortSignal,
): Promise<Result<Archive, Failure>> {
  const most = limits.maxRatio * size + limits.freeBytes;
  let unpacked = 0;
  const bound = new Transform({
    transform(chunk: Buffer, _, done) {
      unpacked += chunk.length;
      done(unpacked > most ? new TooLarge() : null, chunk);
    },
  });
  const remove = () => rm(tar, { force: true });
  try {
    await pipeline(createReadStream(file), createGunzip(), bound, createWriteStream(tar), { signal });
  } catch (error) {
    await remove();
    if (signal.aborted) return err(failure("agent_stopped", ""));
    if (error instanceof TooLarge)
      return err(failure("archive_too_large", `It unpacks to over ${most} bytes.`));
    if (error instanceof Error && "code" in error && error.code === "ENOSPC")
      return err(failure("disk_full", ""));
    return err(failure("archive_corrupt", errorText(error)));
  }
  if (unpacked > 0 && !(await isTar(tar))) {
    await remove();
    return err(
      failure("archive_unsupported", "It is a gzip of a single file: unpack it, and send that file."),
    );
  }
  const opened = await openTar(tar, unpacked, limits);
  if (!opened.ok) {
    await remove();
    return opened;
  }
  const { entries, read } = opened.value;
  return {
    ok: true,
    value: {
      entries,
      read,
      async [Symbol.asyncDispose]() {
        await opened.value[Symbol.asyncDispose]();
        await remove();
      },
    },
  };
}

class TooLarge extends Error {}
