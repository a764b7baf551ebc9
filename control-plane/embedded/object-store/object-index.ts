import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { StoredObjectInfo } from "../../src/embedded/store-protocol.ts";

/** A file of the store: an object is the concatenation of its blobs. */
export interface Blob {
  readonly blob: string;
  /** Bytes. */
  readonly size: number;
}

export interface StoredPart extends Blob {
  readonly number: number;
  readonly etag: string;
}

export interface ObjectToAdd extends StoredObjectInfo {
  readonly blobs: readonly Blob[];
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS objects (
    key TEXT PRIMARY KEY, size INTEGER NOT NULL, etag TEXT NOT NULL, uploaded_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS object_blobs (
    key TEXT NOT NULL, position INTEGER NOT NULL, blob TEXT NOT NULL UNIQUE, size INTEGER NOT NULL,
    PRIMARY KEY (key, position)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY, key TEXT NOT NULL, created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS parts (
    upload_id TEXT NOT NULL, number INTEGER NOT NULL, blob TEXT NOT NULL UNIQUE, size INTEGER NOT NULL,
    etag TEXT NOT NULL, PRIMARY KEY (upload_id, number)
  ) STRICT, WITHOUT ROWID;
`;

/**
 * The index of objects and open uploads, and of the files with their bytes. Each change is one transaction. Methods
 * that delete rows return the names of the files that are no longer needed.
 */
export class ObjectIndex {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(path: string) {
    this.#db = new DatabaseSync(path);
    // Exclusive: a second launcher on the same folder is refused instead of mixing its writes with ours.
    this.#db.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
    this.#db.exec(SCHEMA);
  }

  close(): void {
    this.#db.close();
  }

  object(key: string): StoredObjectInfo | null {
    return this.#get<StoredObjectInfo>(
      "SELECT key, size, etag, uploaded_at AS uploadedAt FROM objects WHERE key = ?",
      key,
    );
  }

  blobsOf(key: string): Blob[] {
    return this.#all<Blob>("SELECT blob, size FROM object_blobs WHERE key = ? ORDER BY position", key);
  }

  /** An object and its blobs, at one moment. */
  read(key: string): { readonly object: StoredObjectInfo; readonly blobs: readonly Blob[] } | null {
    const object = this.object(key);
    return object === null ? null : { object, blobs: this.blobsOf(key) };
  }

  /** Objects in the order of their keys, from the first key after `after`. */
  list(prefix: string, after: string, limit: number): StoredObjectInfo[] {
    return this.#all<StoredObjectInfo>(
      `SELECT key, size, etag, uploaded_at AS uploadedAt FROM objects
       WHERE key > ?2 AND substr(key, 1, length(?1)) = ?1 ORDER BY key LIMIT ?3`,
      prefix,
      after,
      limit,
    );
  }

  put(object: ObjectToAdd): string[] {
    return this.#transaction(() => {
      const replaced = this.#dropObject(object.key);
      this.#insert(object);
      return replaced;
    });
  }

  delete(keys: readonly string[]): string[] {
    return this.#transaction(() => keys.flatMap((key) => this.#dropObject(key)));
  }

  createUpload(id: string, key: string, createdAt: number): void {
    this.#run("INSERT INTO uploads (id, key, created_at) VALUES (?, ?, ?)", id, key, createdAt);
  }

  hasUpload(id: string, key: string): boolean {
    return this.#get("SELECT 1 AS found FROM uploads WHERE id = ? AND key = ?", id, key) !== null;
  }

  uploadsCreatedBefore(time: number): { readonly id: string; readonly key: string }[] {
    return this.#all("SELECT id, key FROM uploads WHERE created_at < ?", time);
  }

  partsOf(uploadId: string): StoredPart[] {
    return this.#all(
      "SELECT number, blob, size, etag FROM parts WHERE upload_id = ? ORDER BY number",
      uploadId,
    );
  }

  /** @returns the file of the part that it replaces, if any, or null when the upload no longer takes parts */
  putPart(uploadId: string, key: string, part: StoredPart): string[] | null {
    return this.#transaction(() => {
      if (!this.hasUpload(uploadId, key)) return null;
      const replaced = this.#all<Blob>(
        "DELETE FROM parts WHERE upload_id = ? AND number = ? RETURNING blob, size",
        uploadId,
        part.number,
      );
      this.#insertPart(uploadId, part);
      return replaced.map(({ blob }) => blob);
    });
  }

  /**
   * Turns parts of an upload into the object, and ends the upload.
   *
   * @returns the unused files, or null when the upload has ended or one of the parts has been replaced
   */
  completeUpload(uploadId: string, object: ObjectToAdd): string[] | null {
    return this.#transaction(() => {
      const current = new Map(this.partsOf(uploadId).map(({ blob, size }) => [blob, size]));
      if (!this.hasUpload(uploadId, object.key)) return null;
      if (!object.blobs.every(({ blob, size }) => current.get(blob) === size)) return null;
      const used = new Set(object.blobs.map(({ blob }) => blob));
      const dropped = this.#dropUpload(uploadId).filter((blob) => !used.has(blob));
      const replaced = this.#dropObject(object.key);
      this.#insert(object);
      return [...dropped, ...replaced];
    });
  }

  abortUpload(uploadId: string): string[] {
    return this.#transaction(() => this.#dropUpload(uploadId));
  }

  /** Adds objects and uploads of another store atomically. */
  adopt(
    objects: readonly ObjectToAdd[],
    uploads: readonly { id: string; key: string; createdAt: number; parts: readonly StoredPart[] }[],
  ): void {
    this.#transaction(() => {
      for (const object of objects) if (this.object(object.key) === null) this.#insert(object);
      for (const { id, key, createdAt, parts } of uploads) {
        if (this.hasUpload(id, key)) continue;
        this.createUpload(id, key, createdAt);
        for (const part of parts) this.#insertPart(id, part);
      }
    });
  }

  isReferenced(blob: string): boolean {
    return (
      this.#get("SELECT 1 AS found FROM object_blobs WHERE blob = ?", blob) !== null ||
      this.#get("SELECT 1 AS found FROM parts WHERE blob = ?", blob) !== null
    );
  }

  #insert({ key, size, etag, uploadedAt, blobs }: ObjectToAdd): void {
    this.#run(
      "INSERT INTO objects (key, size, etag, uploaded_at) VALUES (?, ?, ?, ?)",
      key,
      size,
      etag,
      uploadedAt,
    );
    for (const [position, blob] of blobs.entries()) {
      this.#run(
        "INSERT INTO object_blobs (key, position, blob, size) VALUES (?, ?, ?, ?)",
        key,
        position,
        blob.blob,
        blob.size,
      );
    }
  }

  #insertPart(uploadId: string, { number, blob, size, etag }: StoredPart): void {
    this.#run(
      "INSERT INTO parts (upload_id, number, blob, size, etag) VALUES (?, ?, ?, ?, ?)",
      uploadId,
      number,
      blob,
      size,
      etag,
    );
  }

  #dropObject(key: string): string[] {
    this.#run("DELETE FROM objects WHERE key = ?", key);
    return this.#all<Blob>("DELETE FROM object_blobs WHERE key = ? RETURNING blob, size", key).map(
      ({ blob }) => blob,
    );
  }

  #dropUpload(id: string): string[] {
    this.#run("DELETE FROM uploads WHERE id = ?", id);
    return this.#all<Blob>("DELETE FROM parts WHERE upload_id = ? RETURNING blob, size", id).map(
      ({ blob }) => blob,
    );
  }

  #transaction<T>(work: () => T): T {
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.#db.exec("COMMIT");
      return result;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  #run(sql: string, ...values: (string | number)[]): void {
    this.#statement(sql).run(...values);
  }

  #get<T>(sql: string, ...values: (string | number)[]): T | null {
    return (this.#statement(sql).get(...values) as T | undefined) ?? null;
  }

  #all<T>(sql: string, ...values: (string | number)[]): T[] {
    return this.#statement(sql).all(...values) as T[];
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}
