import { basename, dirname } from "node:path";
import type { Range } from "../kernel/random.ts";
import { theWorld } from "../kernel/world.ts";
import { type Disk, type DiskFile, diskError } from "./disk.ts";
import { currentHost } from "./host-process.ts";

/** Replaces the module `node:fs/promises` with the files of the calling process's host. */

const CHANGE_MS: Range = [0.01, 3];
const SYNC_MS: Range = [1, 40];

/** A write to the disk takes a moment, in which everything else continues and the process may die. */
function change<T>(what: string, path: string, execute: (disk: Disk) => T, ms = CHANGE_MS) {
  const world = theWorld();
  const { disk } = currentHost().fakes;
  return world.call(`${what} ${path}`, { outMs: world.latency(...ms), backMs: 0 }, () => execute(disk));
}

/** A read of the disk takes no virtual time, but its result may be outdated when it arrives. */
async function look<T>(execute: (disk: Disk) => T): Promise<T> {
  return execute(currentHost().fakes.disk);
}

interface Stats {
  readonly size: number;
  readonly mtimeMs: number;
  isFile(): boolean;
  isDirectory(): boolean;
}

export class FileHandle {
  readonly #path: string;
  /** Null for a folder. */
  readonly #file: DiskFile | null;

  constructor(path: string, file: DiskFile | null) {
    this.#path = path;
    this.#file = file;
  }

  writeFile(data: string | Uint8Array): Promise<void> {
    return change("write", this.#path, (disk) => disk.write(this.#open(), Buffer.from(data)));
  }

  appendFile(data: Uint8Array): Promise<void> {
    return change("append", this.#path, (disk) =>
      disk.write(this.#open(), Buffer.concat([this.#open().data, data])),
    );
  }

  async write(bytes: Uint8Array, offset: number, length: number, position: number) {
    await change("write", this.#path, (disk) => {
      const { data } = this.#open();
      const end = position + length;
      const grown = Buffer.concat([data, Buffer.alloc(Math.max(0, end - data.length))]);
      grown.set(bytes.subarray(offset, offset + length), position);
      disk.write(this.#open(), grown);
    });
    return { bytesWritten: length };
  }

  truncate(size: number): Promise<void> {
    return change("truncate", this.#path, (disk) =>
      disk.write(this.#open(), this.#open().data.subarray(0, size)),
    );
  }

  read(into: Buffer, offset: number, length: number, position: number): Promise<{ bytesRead: number }> {
    return look(() => ({ bytesRead: this.#open().data.copy(into, offset, position, position + length) }));
  }

  stat(): Promise<Stats> {
    return look(() => statsOf(this.#file));
  }

  sync(): Promise<void> {
    const save = (disk: Disk) => (this.#file === null ? disk.syncNames() : disk.sync(this.#file));
    return change("sync", this.#path, save, SYNC_MS);
  }

  datasync(): Promise<void> {
    return this.sync();
  }

  async *createReadStream(): AsyncGenerator<Buffer> {
    const { data } = this.#open();
    if (data.length > 0) yield data;
  }

  async close(): Promise<void> {}

  #open(): DiskFile {
    if (this.#file === null) throw diskError("EISDIR", this.#path);
    return this.#file;
  }
}

/** @param flags as in Node; a number opens a file for reading and writing, and creates it if missing */
export function open(path: string, flags: string | number = "r"): Promise<FileHandle> {
  return look((disk) => {
    if (disk.find(path)?.kind === "folder") return new FileHandle(path, null);
    const file = flags === "r" ? disk.file(path) : disk.create(path);
    if (String(flags).startsWith("w")) disk.write(file, Buffer.alloc(0));
    return new FileHandle(path, file);
  });
}

export function readFile(path: string, encoding: "utf8"): Promise<string> {
  return look((disk) => disk.file(path).data.toString(encoding));
}

export function writeFile(path: string, data: string | Uint8Array): Promise<void> {
  return change("write", path, (disk) => disk.write(disk.create(path), Buffer.from(data)));
}

export function rename(from: string, to: string): Promise<void> {
  return change("rename", `${from} to ${to}`, (disk) => disk.rename(from, to));
}

export function copyFile(from: string, to: string): Promise<void> {
  return change("copy", `${from} to ${to}`, (disk) => disk.write(disk.create(to), disk.file(from).data));
}

export function link(from: string, to: string): Promise<void> {
  return change("link", `${from} to ${to}`, (disk) => disk.link(from, to));
}

export function rm(path: string, options: { readonly force?: boolean } = {}): Promise<void> {
  return change("remove", path, (disk) => {
    if (disk.find(path) === undefined && options.force !== true) throw diskError("ENOENT", path);
    disk.remove(path);
  });
}

export function mkdir(path: string): Promise<void> {
  return look((disk) => disk.makeFolder(path));
}

export function stat(path: string): Promise<Stats> {
  return look((disk) => {
    const entry = disk.find(path);
    if (entry === undefined) throw diskError("ENOENT", path);
    return statsOf(entry.kind === "file" ? entry : null);
  });
}

/** No file here shares its bytes with another; callers that sum up sizes need no more. */
export async function lstat(path: string) {
  const stats = await stat(path);
  return { ...stats, nlink: 1, dev: 1, ino: 1, blocks: Math.ceil(stats.size / 512) };
}

interface FolderEntry {
  readonly name: string;
  readonly parentPath: string;
  isFile(): boolean;
  isDirectory(): boolean;
}

interface ReadFolderOptions {
  readonly recursive?: boolean;
  readonly withFileTypes?: boolean;
}

export function readdir(path: string): Promise<string[]>;
export function readdir(
  path: string,
  options: ReadFolderOptions & { withFileTypes: true },
): Promise<FolderEntry[]>;
export function readdir(path: string, options: ReadFolderOptions = {}): Promise<string[] | FolderEntry[]> {
  return look((disk) => {
    const names = disk.list(path);
    if (options.withFileTypes !== true) return names;
    const paths = options.recursive === true ? disk.below(path) : names.map((name) => `${path}/${name}`);
    return paths.map((entry) => ({
      name: basename(entry),
      parentPath: dirname(entry),
      isFile: () => disk.find(entry)?.kind === "file",
      isDirectory: () => disk.find(entry)?.kind === "folder",
    }));
  });
}

export function statfs(): Promise<{ bavail: number; bsize: number }> {
  return look((disk) => ({ bavail: disk.isFull ? 0 : 2 ** 40, bsize: 1 }));
}

function statsOf(file: DiskFile | null): Stats {
  return {
    size: file?.data.length ?? 0,
    mtimeMs: file?.writtenAt ?? 0,
    isFile: () => file !== null,
    isDirectory: () => file === null,
  };
}
