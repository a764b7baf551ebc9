import { dirname } from "node:path";
import type { Random } from "../kernel/random.ts";

/** An inode: file handles refer to it independently of its names. Buffers are replaced, never modified. */
export interface DiskFile {
  readonly kind: "file";
  data: Buffer;
  /** The content that survives a power cut; null before the first sync. */
  synced: Buffer | null;
  writtenAt: number;
}

type Entry = DiskFile | { readonly kind: "folder" };
type Tree = Map<string, Entry>;

/** A change of a directory entry: power cuts undo these, latest first. */
interface NameChange {
  readonly at: number;
  readonly apply: (tree: Tree) => void;
}

/** Linux writes back unsynced data within about this time. */
const WRITE_BACK_MS = 30_000;

/**
 * A host's disk that models power cuts: unsynced names and bytes may survive or not. Name changes keep their order, as
 * in a journal. Whether syncing a file also makes its names durable is a property of the disk: ext4 does, POSIX
 * guarantees nothing.
 */
export class Disk {
  #live: Tree = new Map();
  #durable: Tree = new Map();
  #pending: NameChange[] = [];
  readonly #now: () => number;
  readonly #syncSavesNames: boolean;
  isFull = false;

  constructor(now: () => number, options: { readonly syncSavesNames: boolean }) {
    this.#now = now;
    this.#syncSavesNames = options.syncSavesNames;
  }

  find(path: string): Entry | undefined {
    return this.#live.get(path);
  }

  file(path: string): DiskFile {
    const entry = this.#live.get(path);
    if (entry === undefined) throw diskError("ENOENT", path);
    if (entry.kind !== "file") throw diskError("EISDIR", path);
    return entry;
  }

  /** The names in a folder. */
  list(folder: string): string[] {
    if (this.#live.get(folder)?.kind !== "folder") throw diskError("ENOENT", folder);
    const prefix = `${folder}/`;
    const names = this.below(folder).map((path) => path.slice(prefix.length));
    return names.filter((name) => !name.includes("/"));
  }

  /** Every path below a folder. */
  below(folder: string): string[] {
    const prefix = `${folder}/`;
    const paths: string[] = [];
    for (const path of this.#live.keys()) if (path.startsWith(prefix)) paths.push(path);
    return paths.sort();
  }

  makeFolder(path: string): void {
    if (this.#live.has(path)) return;
    this.#requireRoom(path);
    if (dirname(path) !== path) this.makeFolder(dirname(path));
    this.#change((tree) => tree.set(path, { kind: "folder" }));
  }

  /** The file of a name, created if missing. */
  create(path: string): DiskFile {
    const known = this.#live.get(path);
    if (known?.kind === "file") return known;
    if (this.#live.get(dirname(path))?.kind !== "folder") throw diskError("ENOENT", path);
    this.#requireRoom(path);
    const file: DiskFile = { kind: "file", data: Buffer.alloc(0), synced: null, writtenAt: this.#now() };
    this.#change((tree) => tree.set(path, file));
    return file;
  }

  write(file: DiskFile, data: Buffer): void {
    if (data.length > file.data.length) this.#requireRoom("a file");
    file.data = data;
    file.writtenAt = this.#now();
  }

  /** Makes a file's bytes durable. */
  sync(file: DiskFile): void {
    file.synced = file.data;
    if (this.#syncSavesNames) this.syncNames();
  }

  /** Makes all name changes durable. */
  syncNames(): void {
    for (const { apply } of this.#pending.splice(0)) apply(this.#durable);
  }

  rename(from: string, to: string): void {
    if (!this.#live.has(from)) throw diskError("ENOENT", from);
    if (this.#live.get(to)?.kind === "folder" && this.below(to).length > 0) throw diskError("ENOTEMPTY", to);
    this.#change((tree) => {
      for (const path of within(tree, from)) {
        const entry = tree.get(path);
        tree.delete(path);
        if (entry !== undefined) tree.set(to + path.slice(from.length), entry);
      }
    });
  }

  link(from: string, to: string): void {
    const file = this.file(from);
    if (this.#live.has(to)) throw diskError("EEXIST", to);
    this.#change((tree) => tree.set(to, file));
  }

  remove(path: string): void {
    this.#change((tree) => {
      for (const gone of within(tree, path)) tree.delete(gone);
    });
  }

  /** Power loss: everything durable survives, and a random part of the rest. */
  powerCut(random: Random): void {
    const now = this.#now();
    const old = this.#pending.findIndex(({ at }) => now - at < WRITE_BACK_MS);
    const certain = old === -1 ? this.#pending.length : old;
    for (const { apply } of this.#pending.slice(0, random.int(certain, this.#pending.length)))
      apply(this.#durable);
    this.#pending = [];
    for (const entry of this.#durable.values()) {
      if (entry.kind !== "file" || entry.data === entry.synced) continue;
      if (now - entry.writtenAt < WRITE_BACK_MS) entry.data = whatIsLeft(entry, random);
      entry.synced = entry.data;
    }
    this.#live = new Map(this.#durable);
  }

  /** A disk with the same content, as in a cloned virtual machine. */
  copy(): Disk {
    const copy = new Disk(this.#now, { syncSavesNames: this.#syncSavesNames });
    for (const [path, entry] of this.#live)
      copy.#live.set(path, entry.kind === "file" ? { ...entry } : entry);
    copy.#durable = new Map(copy.#live);
    return copy;
  }

  #change(apply: (tree: Tree) => void): void {
    apply(this.#live);
    this.#pending.push({ at: this.#now(), apply });
  }

  #requireRoom(path: string): void {
    if (this.isFull) throw diskError("ENOSPC", path);
  }
}

/** A path and everything below it. */
function within(tree: Tree, path: string): string[] {
  if (tree.get(path)?.kind === "file") return [path];
  return [...tree.keys()].filter((other) => other === path || other.startsWith(`${path}/`));
}

function whatIsLeft({ data, synced }: DiskFile, random: Random): Buffer {
  const torn = data.subarray(0, random.int(0, data.length));
  return random.pick([synced ?? torn, torn, data]);
}

export function diskError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
