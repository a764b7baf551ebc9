import { createHash, randomBytes } from "node:crypto";
import { mkdir, opendir, rm } from "node:fs/promises";
import { join } from "node:path";
import { errnoCode } from "@splatt/shared";
import type { StoredObjectInfo, StoreFailure } from "../../src/embedded/store-protocol.ts";
import type { ByteRange } from "../../src/storage/object-bytes.ts";
import { appendToBlob, BodyError, type BodySource, syncFile, writeBlob } from "./blob-file.ts";
import { diskErrorCode } from "./disk-errors.ts";
import type { DiskWatch } from "./disk-watch.ts";
import type { Blob } from "./object-index.ts";
import { type ObjectIndexClient, openObjectIndex } from "./object-index-client.ts";

/** As in R2, an open upload expires after seven days. */
const UPLOAD_LIFETIME_MS = 7 * 24 * 3600 * 1000;
/** The room that an appended body needs at first; it may be much shorter than the file's rest. */
const APPEND_RESERVE_BYTES = 32 * 1024 * 1024;
/** How often a part may be replaced by itself while its upload is completed. */
const MAX_COMPLETION_TRIES = 10;
export type Outcome<T> = ({ readonly ok: true } & T) | { readonly ok: false; readonly failure: StoreFailure };

/**
 * Part of an object to be read from one file. The files are kept until `release` is called, even if the object is
 * deleted.
 */
export interface ObjectRead {
  readonly object: StoredObjectInfo;
  /** Bytes, of all segments together. */
  readonly length: number;
  readonly segments: readonly { readonly path: string; readonly offset: number; readonly length: number }[];
  release(): void;
}

export interface IncomingPart {
  readonly key: string;
  readonly uploadId: string;
  readonly number: number;
  /** The expected bytes; null for any number. */
  readonly size: number | null;
  /** Lower-case hex, if the sender provided it. */
  readonly sha256: string | null;
}

interface ChosenPart {
  readonly partNumber: number;
  readonly etag: string;
}

/**
 * The object store of the embedded runtime: R2's multipart uploads on a folder of files and an SQLite index. A file is
 * complete before the index refers to it, and unreferenced files are removed.
 */
export class ObjectStore {
  readonly #blobsDir: string;
  readonly #walPath: string;
  readonly #index: ObjectIndexClient;
  readonly #disk: DiskWatch;
  /** Files that are being written. */
  readonly #incoming = new Set<string>();
  /** Uploads that a body is being appended to. */
  readonly #appending = new Set<string>();
  /** The number of reads that hold each file, and the files to remove after the last read. */
  readonly #readers = new Map<string, number>();
  readonly #removeLater = new Set<string>();

  private constructor(dir: string, index: ObjectIndexClient, disk: DiskWatch) {
    this.#blobsDir = blobsDir(dir);
    this.#walPath = `${indexPath(dir)}-wal`;
    this.#index = index;
    this.#disk = disk;
  }

  /** @param dir a folder that only this process uses */
  static async open(dir: string, disk: DiskWatch): Promise<ObjectStore> {
    await mkdir(blobsDir(dir), { recursive: true, mode: 0o700 });
    return new ObjectStore(dir, await openObjectIndex(indexPath(dir)), disk);
  }

  async close(): Promise<void> {
    await this.#index.close();
  }

  head(key: string): Promise<StoredObjectInfo | null> {
    return this.#index.object(key);
  }

  list(prefix: string, after: string, limit: number): Promise<StoredObjectInfo[]> {
    return this.#index.list(prefix, after, limit);
  }

  /** @returns null when there is no such object */
  async read(key: string, range: ByteRange | null): Promise<ObjectRead | null> {
    const found = await this.#index.read(key);
    if (found === null) return null;
    const { object, blobs } = found;
    // Before the answer to a later deletion, which would remove the files.
    const segments = segmentsOf(blobs, range ?? { offset: 0, length: object.size });
    for (const { blob } of segments) this.#readers.set(blob, (this.#readers.get(blob) ?? 0) + 1);
    let isHeld = true;
    return {
      object,
      length: segments.reduce((sum, { length }) => sum + length, 0),
      segments: segments.map(({ blob, offset, length }) => ({ path: this.#path(blob), offset, length })),
      release: () => {
        if (isHeld) for (const { blob } of segments) this.#release(blob);
        isHeld = false;
      },
    };
  }

  async put(key: string, source: BodySource): Promise<Outcome<{ object: StoredObjectInfo }>> {
    const stored = await this.#store(source, null, async ({ blob, size, sha256 }) => {
      const object = { key, size, etag: sha256.slice(0, 32), uploadedAt: Date.now() };
      return { object, replaced: await this.#index.put({ ...object, blobs: [{ blob, size }] }) };
    });
    if (!stored.ok) return stored;
    await this.#remove(stored.replaced);
    return { ok: true, object: stored.object };
  }

  /**
   * Stores an object that arrives from a client. A damaged or incomplete one leaves nothing behind. On return its bytes
   * and its entry are durable.
   */
  async receiveObject(
    { key, size, sha256 }: Pick<IncomingPart, "key"> & { readonly size: number; readonly sha256: string },
    source: BodySource,
  ): Promise<Outcome<object>> {
    const stored = await this.#store(source, size, async (received) => {
      if (received.size !== size) return "body_incomplete";
      if (received.sha256 !== sha256) return "checksum_mismatch";
      const { blob } = received;
      await syncFile(this.#path(blob));
      const object = { key, size, etag: sha256.slice(0, 32), uploadedAt: Date.now() };
      const replaced = await this.#index.put({ ...object, blobs: [{ blob, size }] });
      await syncFile(this.#walPath);
      return { replaced };
    });
    if (!stored.ok) return stored;
    await this.#remove(stored.replaced);
    return { ok: true };
  }

  async delete(keys: readonly string[]): Promise<Outcome<object>> {
    return this.#writing<object>(async () => {
      await this.#remove(await this.#index.delete(keys));
      return { ok: true };
    });
  }

  async createUpload(key: string): Promise<Outcome<{ uploadId: string }>> {
    return this.#writing(async () => {
      const uploadId = randomBytes(32).toString("base64url");
      await this.#index.createUpload(uploadId, key, Date.now());
      return { ok: true, uploadId };
    });
  }

  /**
   * Stores a part. A damaged or incomplete part, or one of an ended upload, leaves nothing behind and keeps an earlier
   * part of the same number.
   */
  async receivePart(
    { key, uploadId, number, size, sha256 }: IncomingPart,
    source: BodySource,
  ): Promise<Outcome<{ etag: string }>> {
    if (!(await this.#index.hasUpload(uploadId, key))) return { ok: false, failure: "no_such_upload" };
    const stored = await this.#store(source, size, async (received) => {
      if (size !== null && received.size !== size) return "body_incomplete";
      if (sha256 !== null && received.sha256 !== sha256) return "checksum_mismatch";
      const etag = received.sha256;
      const part = { number, blob: received.blob, size: received.size, etag };
      const replaced = await this.#index.putPart(uploadId, key, part);
      return replaced === null ? "no_such_upload" : { etag, replaced };
    });
    if (!stored.ok) return stored;
    await this.#remove(stored.replaced);
    return { ok: true, etag: stored.etag };
  }

  /**
   * Writes bytes at `offset` of an upload that consists of one part, and drops what was there beyond: the caller says
   * how much of it counts. Bytes that came before an error of the disk are dropped too.
   *
   * @param limit bytes that the source has at most
   */
  async append(
    { key, uploadId, offset }: { readonly key: string; readonly uploadId: string; readonly offset: number },
    limit: number,
    source: BodySource,
  ): Promise<Outcome<{ received: number; etag: string }>> {
    if (this.#appending.has(uploadId)) return { ok: false, failure: "upload_busy" };
    this.#appending.add(uploadId);
    try {
      if (!(await this.#index.hasUpload(uploadId, key))) return { ok: false, failure: "no_such_upload" };
      const [stored] = await this.#index.partsOf(uploadId);
      if ((stored?.size ?? 0) < offset) return { ok: false, failure: "invalid_part" };
      const release = await this.#disk.reserve(Math.min(limit, APPEND_RESERVE_BYTES));
      if (release === null) return { ok: false, failure: "storage_full" };
      const blob = stored?.blob ?? randomBytes(16).toString("hex");
      this.#incoming.add(blob);
      try {
        return await this.#writing<{ received: number; etag: string }>(async () => {
          const written = await appendToBlob(this.#path(blob), offset, source);
          if (written === null) return { ok: false, failure: "invalid_part" };
          const size = offset + written;
          const etag = `${uploadId.slice(0, 16)}-${size}`;
          if (size === stored?.size) return { ok: true, received: size, etag: stored.etag };
          const replaced = await this.#index.putPart(uploadId, key, { number: 1, blob, size, etag });
          if (replaced === null) return { ok: false, failure: "no_such_upload" };
          return { ok: true, received: size, etag };
        });
      } finally {
        release();
        await this.#removeIfUnused(blob);
      }
    } finally {
      this.#appending.delete(uploadId);
    }
  }

  /**
   * Makes one object of the given parts, in order. On return its bytes and its entry are durable. A part that is sent
   * again meanwhile, as a proxy may repeat a request, is still the same part.
   */
  async completeUpload(
    key: string,
    uploadId: string,
    parts: readonly ChosenPart[],
  ): Promise<Outcome<{ object: StoredObjectInfo }>> {
    for (let triesLeft = MAX_COMPLETION_TRIES; ; triesLeft -= 1) {
      const completed = await this.#completeOnce(key, uploadId, parts);
      if (completed !== "part_replaced") return completed;
      if (triesLeft === 0) return { ok: false, failure: "invalid_part" };
    }
  }

  async #completeOnce(
    key: string,
    uploadId: string,
    parts: readonly ChosenPart[],
  ): Promise<Outcome<{ object: StoredObjectInfo }> | "part_replaced"> {
    let isReplaced = false;
    const outcome = await this.#writing<{ object: StoredObjectInfo }>(async () => {
      if (!(await this.#index.hasUpload(uploadId, key))) return { ok: false, failure: "no_such_upload" };
      const stored = new Map((await this.#index.partsOf(uploadId)).map((part) => [part.number, part]));
      const chosen = parts.flatMap(({ partNumber, etag }) => {
        const part = stored.get(partNumber);
        return part?.etag === etag ? [part] : [];
      });
      if (chosen.length !== parts.length) return { ok: false, failure: "invalid_part" };
      for (const { blob, size } of chosen) {
        // A power cut may have taken bytes of a file that the index still names.
        const synced = await syncFile(this.#path(blob)).catch((error: unknown) => {
          if (errnoCode(error) !== "ENOENT") throw error;
          isReplaced = true;
          return 0;
        });
        if (synced < size) return { ok: false, failure: "invalid_part" };
      }
      const digest = createHash("sha256");
      for (const { etag } of chosen) digest.update(etag);
      const object: StoredObjectInfo = {
        key,
        size: chosen.reduce((sum, { size }) => sum + size, 0),
        etag: `${digest.digest("hex").slice(0, 32)}-${chosen.length}`,
        uploadedAt: Date.now(),
      };
      const unused = await this.#index.completeUpload(uploadId, { ...object, blobs: chosen });
      if (unused === null) {
        isReplaced = await this.#index.hasUpload(uploadId, key);
        return { ok: false, failure: "no_such_upload" };
      }
      await syncFile(this.#walPath);
      await this.#remove(unused);
      return { ok: true, object };
    });
    return isReplaced ? "part_replaced" : outcome;
  }

  async abortUpload(key: string, uploadId: string): Promise<Outcome<object>> {
    return this.#writing<object>(async () => {
      if (!(await this.#index.hasUpload(uploadId, key))) return { ok: false, failure: "no_such_upload" };
      await this.#remove(await this.#index.abortUpload(uploadId));
      return { ok: true };
    });
  }

  /**
   * Removes unreferenced files, which a crash leaves behind, and expired uploads. Safe at any time.
   *
   * @returns the number of removed files
   */
  async removeOrphans(): Promise<number> {
    for (const { id } of await this.#index.uploadsCreatedBefore(Date.now() - UPLOAD_LIFETIME_MS)) {
      await this.#remove(await this.#index.abortUpload(id));
    }
    let removed = 0;
    for await (const { name } of await opendir(this.#blobsDir)) {
      // In this order: a file is referenced before it is no longer incoming, and has no readers before it is
      // referenced.
      if (this.#incoming.has(name) || (await this.#index.isReferenced(name))) continue;
      if (this.#readers.has(name)) continue;
      await rm(this.#path(name), { force: true });
      removed += 1;
    }
    return removed;
  }

  /**
   * Writes a body to a new file and passes it to `commit`, which adds it to the index or refuses it.
   *
   * @param size bytes to expect, or null when unknown
   */
  async #store<T extends object>(
    source: BodySource,
    size: number | null,
    commit: (received: { blob: string; size: number; sha256: string }) => Promise<T | StoreFailure>,
  ): Promise<Outcome<T>> {
    const release = await this.#disk.reserve(size ?? 0);
    if (release === null) return { ok: false, failure: "storage_full" };
    const blob = randomBytes(16).toString("hex");
    this.#incoming.add(blob);
    try {
      return await this.#writing<T>(async () => {
        const received = await writeBlob(this.#path(blob), source);
        const committed = await commit({ blob, ...received });
        if (typeof committed === "object") return { ok: true, ...committed };
        return { ok: false, failure: committed };
      });
    } finally {
      release();
      await this.#removeIfUnused(blob);
    }
  }

  /** Converts errors of a body and of the disk to outcomes. */
  async #writing<T extends object>(work: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof BodyError) return { ok: false, failure: error.failure };
      const code = diskErrorCode(error);
      if (code === null) throw error;
      this.#disk.reportError(code);
      const isFull = code === "ENOSPC" || code === "EDQUOT";
      return { ok: false, failure: isFull ? "storage_full" : "storage_unwritable" };
    }
  }

  /** Ends the writing of a file. One that cannot be removed now is removed with the orphans. */
  async #removeIfUnused(blob: string): Promise<void> {
    const isStored = await this.#index.isReferenced(blob).catch(() => true);
    if (!isStored) await rm(this.#path(blob), { force: true }).catch(() => undefined);
    this.#incoming.delete(blob);
  }

  async #remove(blobs: readonly string[]): Promise<void> {
    for (const blob of blobs) {
      if (this.#readers.has(blob)) this.#removeLater.add(blob);
      // A remaining one is removed with the orphans.
      else await rm(this.#path(blob), { force: true }).catch(() => undefined);
    }
  }

  #release(blob: string): void {
    const readers = (this.#readers.get(blob) ?? 1) - 1;
    if (readers > 0) this.#readers.set(blob, readers);
    else this.#readers.delete(blob);
    if (readers === 0 && this.#removeLater.delete(blob)) void this.#remove([blob]);
  }

  #path(blob: string): string {
    return join(this.#blobsDir, blob);
  }
}

export function blobsDir(dir: string): string {
  return join(dir, "blobs");
}

export function indexPath(dir: string): string {
  return join(dir, "index.sqlite");
}

/** The file segments that make up a range of an object. */
export function segmentsOf(
  blobs: readonly Blob[],
  { offset, length }: ByteRange,
): { readonly blob: string; readonly offset: number; readonly length: number }[] {
  const segments = [];
  let start = 0;
  for (const { blob, size } of blobs) {
    const from = Math.max(offset, start);
    const to = Math.min(offset + length, start + size);
    if (from < to) segments.push({ blob, offset: from - start, length: to - from });
    start += size;
  }
  return segments;
}
