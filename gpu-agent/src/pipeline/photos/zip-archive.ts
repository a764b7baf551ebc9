import { err, errorText, type Failure, failure, ok, type Result } from "@splatt/shared";
import { type Entry, getFileNameLowLevel, openPromise, type ZipFile } from "yauzl";
import type { Archive, ArchiveEntry, ArchiveLimits } from "./archive.ts";

/** Hosts whose zip programs store Unix file modes: Unix and macOS. */
const UNIX_HOSTS = new Set([3, 19]);
const MODE = { type: 0o170000, folder: 0o040000, file: 0o100000, link: 0o120000 } as const;
const LOCAL_HEADER_BYTES = 30;

/** Lists a zip by its central directory. */
export async function openZip(
  file: string,
  size: number,
  { maxEntries }: ArchiveLimits,
): Promise<Result<Archive, Failure>> {
  let zip: ZipFile;
  try {
    zip = await openPromise(file, { autoClose: false, lazyEntries: true, decodeStrings: false });
  } catch (error) {
    return err(zipFailure(error));
  }
  const refuse = (refusal: Failure) => {
    zip.close();
    return err(refusal);
  };
  if (zip.entryCount > maxEntries) {
    return refuse(
      failure("archive_too_large", `It has ${zip.entryCount} entries; ${maxEntries} is the limit.`),
    );
  }
  const found: Entry[] = [];
  try {
    for await (const entry of zip.eachEntry()) found.push(entry);
  } catch (error) {
    return refuse(zipFailure(error));
  }
  if (found.some((entry) => entry.isEncrypted())) {
    return refuse(failure("archive_unsupported", "It is encrypted."));
  }
  const undecodable = found.find((entry) => !entry.canDecodeFileData());
  if (undecodable) {
    const detail = `It is packed with method ${undecodable.compressionMethod}; only stored and deflated entries are read.`;
    return refuse(failure("archive_unsupported", detail));
  }
  if (entriesOverlap(found, size)) {
    return refuse(failure("archive_unsafe", "Several entries share the same bytes."));
  }
  return ok({
    entries: found.map(describe),
    read: async (index) => {
      const entry = found[index];
      if (entry === undefined) throw new RangeError(`no entry ${index}`);
      return zip.openReadStreamPromise(entry);
    },
    async [Symbol.asyncDispose]() {
      zip.close();
    },
  });
}

function describe(entry: Entry): ArchiveEntry {
  const { generalPurposeBitFlag, fileNameRaw, extraFields, uncompressedSize } = entry;
  // Code page 437, which zips without a flag use, has pictures for control characters.
  const hasControls = fileNameRaw.some((byte) => byte < 0x20 || byte === 0x7f);
  const path = hasControls
    ? fileNameRaw.toString("latin1")
    : getFileNameLowLevel(generalPurposeBitFlag, fileNameRaw, extraFields, true);
  return { path, kind: kindOf(entry, path), size: uncompressedSize };
}

function kindOf(entry: Entry, path: string): ArchiveEntry["kind"] {
  const type = UNIX_HOSTS.has(entry.versionMadeBy >> 8)
    ? (entry.externalFileAttributes >>> 16) & MODE.type
    : 0;
  if (type === MODE.link) return "link";
  if (type === MODE.folder || path.endsWith("/")) return "folder";
  return type === 0 || type === MODE.file ? "file" : "special";
}

/** Entries that share bytes unpack to far more than their sizes admit (Fifield, "A better zip bomb", 2019). */
function entriesOverlap(entries: readonly Entry[], size: number): boolean {
  const spans = entries
    .map((entry) => {
      const start = entry.relativeOffsetOfLocalHeader;
      return { start, end: start + LOCAL_HEADER_BYTES + entry.compressedSize };
    })
    .toSorted((a, b) => a.start - b.start);
  return spans.some(({ end }, i) => end > (spans[i + 1]?.start ?? size));
}

function zipFailure(error: unknown): Failure {
  const text = errorText(error);
  if (/multi-disk|strong encryption/i.test(text)) {
    return failure("archive_unsupported", "It is one part of a split zip, or encrypted.");
  }
  return failure("archive_corrupt", text);
}
