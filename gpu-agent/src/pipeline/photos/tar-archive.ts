import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { Readable } from "node:stream";
import { err, type Failure, failure, ok, type Result, TAR_BLOCK } from "@splatt/shared";
import type { Archive, ArchiveEntry, ArchiveLimits } from "./archive.ts";
import { isTarHeader, tarNumber, tarText } from "./tar-header.ts";

/*
 * POSIX ustar with the pax and GNU extensions for long names and large sizes. Only headers are read, each at a known
 * place, and extensions are bounded: streaming readers keep an extension of any declared size in memory.
 */

const MAX_EXTENSION_BYTES = 64 * 1024;

interface TarEntry extends ArchiveEntry {
  readonly offset: number;
}

/** What pax and GNU extensions say of the next entry. */
interface Extension {
  path?: string;
  size?: number;
}

export async function openTar(
  file: string,
  size: number,
  limits: ArchiveLimits,
): Promise<Result<Archive, Failure>> {
  const listed = await listTar(file, size, limits);
  if (!listed.ok) return listed;
  const entries = listed.value;
  return ok({
    entries,
    read: async (index) => {
      const entry = entries[index];
      if (entry === undefined) throw new RangeError(`no entry ${index}`);
      const { offset, size: bytes } = entry;
      if (bytes === 0) return Readable.from([]);
      return createReadStream(file, { start: offset, end: offset + bytes - 1 });
    },
    async [Symbol.asyncDispose]() {},
  });
}

async function listTar(
  file: string,
  size: number,
  { maxEntries }: ArchiveLimits,
): Promise<Result<TarEntry[], Failure>> {
  await using handle = await open(file);
  const entries: TarEntry[] = [];
  const corrupt = (detail: string) => err(failure("archive_corrupt", detail));
  let extension: Extension = {};
  for (let at = 0, headers = 0; ; headers++) {
    const header = await readAt(handle, at, TAR_BLOCK);
    // Some programs leave out the two zero blocks at the end.
    if (header.length === 0 || isZero(header))
      return entries.length > 0 ? ok(entries) : corrupt("It is empty.");
    if (headers > 2 * maxEntries || entries.length >= maxEntries) {
      return err(failure("archive_too_large", `It has more than ${maxEntries} entries.`));
    }
    if (!isTarHeader(header)) return corrupt(`No header at byte ${at}.`);
    const type = String.fromCharCode(header[156] ?? 0);
    const declared = extension.size ?? tarNumber(header.subarray(124, 136));
    const offset = at + TAR_BLOCK;
    if (!Number.isSafeInteger(declared) || declared < 0 || offset + declared > size)
      return corrupt(`An entry at byte ${at} reaches beyond the end of the file.`);
    at = offset + TAR_BLOCK * Math.ceil(declared / TAR_BLOCK);
    if ("xgLK".includes(type)) {
      if (declared > MAX_EXTENSION_BYTES)
        return err(failure("archive_unsafe", "A header has an absurd size."));
      const data = await readAt(handle, offset, declared);
      if (type === "x") extension = { ...extension, ...paxFields(data) };
      if (type === "L") extension = { ...extension, path: tarText(data) };
      continue;
    }
    entries.push({ path: extension.path ?? nameOf(header), kind: kindOf(type), size: declared, offset });
    extension = {};
  }
}

async function readAt(handle: FileHandle, at: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await handle.read(buffer, 0, length, at);
  return buffer.subarray(0, bytesRead);
}

function kindOf(type: string): ArchiveEntry["kind"] {
  if (type === "0" || type === "\0" || type === "7") return "file";
  if (type === "5") return "folder";
  return type === "1" || type === "2" ? "link" : "special";
}

function nameOf(header: Buffer): string {
  const [name, prefix] = [tarText(header.subarray(0, 100)), tarText(header.subarray(345, 500))];
  const isPosix = header.subarray(257, 263).equals(Buffer.from("ustar\0"));
  return isPosix && prefix !== "" ? `${prefix}/${name}` : name;
}

/** "LENGTH KEY=VALUE\n" after "LENGTH KEY=VALUE\n". */
function paxFields(data: Buffer): Extension {
  const fields: Extension = {};
  for (let at = 0; at < data.length; ) {
    const length = Number.parseInt(data.toString("latin1", at, at + 20), 10);
    if (!(length > 0)) break;
    const [, key, value] = /^\d+ ([^=]*)=([\s\S]*)\n$/.exec(data.toString("utf8", at, at + length)) ?? [];
    if (key === "path") fields.path = value ?? "";
    if (key === "size") fields.size = Number(value);
    at += length;
  }
  return fields;
}

function isZero(block: Buffer): boolean {
  return block.every((byte) => byte === 0);
}
