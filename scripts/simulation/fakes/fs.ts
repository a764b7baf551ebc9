import type { DiskFile } from "./disk.ts";
import { FileHandle, open } from "./fs-promises.ts";
import { currentHost } from "./host-process.ts";

/** Replaces the part of the module `node:fs` that the agent's logs and streams use. */

export async function* createReadStream(path: string): AsyncGenerator<Buffer> {
  const handle = await open(path);
  yield* handle.createReadStream();
}

/** Synchronous, so nothing can interrupt it. @returns a stand-in for the file descriptor */
export function openSync(path: string): DiskFile {
  return currentHost().fakes.disk.create(path);
}

export function fstatSync({ data }: DiskFile): { size: number } {
  return { size: data.length };
}

export function renameSync(from: string, to: string): void {
  currentHost().fakes.disk.rename(from, to);
}

/** Appends line by line, and reports errors to its listener instead of throwing. */
export class WriteStream {
  readonly #handle: FileHandle;
  #written: Promise<unknown> = Promise.resolve();
  #onError: (error: unknown) => void = () => undefined;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  on(_event: "error", listener: (error: unknown) => void): void {
    this.#onError = listener;
  }

  write(text: string): void {
    const append = () => this.#handle.appendFile(Buffer.from(text));
    this.#written = this.#written.then(append).catch((error: unknown) => this.#onError(error));
  }

  end(done: () => void = () => undefined): void {
    void this.#written.then(done);
  }
}

export function createWriteStream(path: string, { fd }: { readonly fd: DiskFile }): WriteStream {
  return new WriteStream(new FileHandle(path, fd));
}

/** The log of an earlier process is read synchronously, and /proc, which a simulated host does not have. */
export function readFileSync(path: string, encoding: "utf8"): string {
  return currentHost().fakes.disk.file(path).data.toString(encoding);
}

/** For `open`, which treats all numbers alike. */
export const constants = { O_RDWR: 2, O_CREAT: 64 };
