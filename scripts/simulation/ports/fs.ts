import { open } from "./fs-promises.ts";
import { currentMachine } from "./machine-process.ts";

/** Takes the place of the module `node:fs`, as far as the agent streams files. */

export async function* createReadStream(path: string): AsyncGenerator<Buffer> {
  const handle = await open(path);
  yield* handle.createReadStream();
}

/** A file's size. Synchronous, and thus never in the middle of anything. */
export function statSync(path: string): { size: number } | undefined {
  const entry = currentMachine().ports.disk.find(path);
  return entry?.kind === "file" ? { size: entry.data.length } : undefined;
}

/** Appends line by line, and tells its error listener instead of throwing. */
export class WriteStream {
  readonly #path: string;
  #written: Promise<unknown> = Promise.resolve();
  #onError: (error: unknown) => void = () => undefined;

  constructor(path: string) {
    this.#path = path;
  }

  on(_event: "error", listener: (error: unknown) => void): void {
    this.#onError = listener;
  }

  write(text: string): void {
    const append = async () => (await open(this.#path, "a")).appendFile(Buffer.from(text));
    this.#written = this.#written.then(append).catch((error: unknown) => this.#onError(error));
  }

  end(done: () => void): void {
    void this.#written.then(done);
  }
}

export function createWriteStream(path: string): WriteStream {
  return new WriteStream(path);
}


/** Only /proc is read so, of which a simulated machine has none. */
export function readFileSync(path: string): never {
  throw new Error(`${path} is not there`);
}
