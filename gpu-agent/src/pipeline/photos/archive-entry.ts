import { createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { err, errorText, type Failure, failure, ok, printable, type Result } from "@splatt/shared";
import { systemFailure } from "../../processes/system-failure.ts";
import type { Archive } from "./archive.ts";

/** @returns an entry's bytes, or only the first ones, or what is wrong with it */
export async function readEntry(
  archive: Archive,
  index: number,
  most?: number,
): Promise<Result<Buffer, string>> {
  try {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of await archive.read(index)) {
      chunks.push(chunk);
      length += chunk.length;
      if (most !== undefined && length >= most) break;
    }
    return ok(Buffer.concat(chunks).subarray(0, most));
  } catch (error) {
    return err(errorText(error));
  }
}

/** Unpacks an entry to a file. @returns `archive_corrupt`, `disk_full` or `agent_stopped` */
export async function unpackEntry(
  archive: Archive,
  index: number,
  file: string,
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  try {
    await pipeline(await archive.read(index), createWriteStream(file), { signal });
    return ok(undefined);
  } catch (error) {
    if (signal.aborted) return err(failure("agent_stopped", ""));
    const host = systemFailure(error);
    return host === null ? damagedEntry(archive.entries[index]?.path ?? "", errorText(error)) : err(host);
  }
}

export function damagedEntry(path: string, detail: string): Result<never, Failure> {
  return err(failure("archive_corrupt", `${quoted(path)}: ${printable(detail)}`));
}

export function quoted(path: string): string {
  return JSON.stringify(printable(path, 100));
}
