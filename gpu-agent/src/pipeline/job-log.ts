import { createWriteStream, fstatSync, openSync, renameSync, type WriteStream } from "node:fs";
import { printable, type StageName } from "@splatt/shared";

const MAX_FILE_BYTES = 8 * 1024 * 1024;
const TAIL_LINES = 50;
const MAX_TAIL_CHARS = 500;
/** Of a line in the file. */
const MAX_LINE_CHARS = 4000;

/**
 * What the tools of a job printed: the last lines for a failure, and a file for a closer look. A file that is full
 * becomes `<name>.1`, in the place of the one before it, so that the end of a log is always there and a job that
 * prints for ever takes two files' room.
 */
export class JobLog {
  readonly path: string;
  readonly #maxFileBytes: number;
  readonly #tail: string[] = [];
  #stream: WriteStream | null = null;
  #bytes = 0;

  constructor(path: string, maxFileBytes = MAX_FILE_BYTES) {
    this.path = path;
    this.#maxFileBytes = maxFileBytes;
  }

  /** The last lines, oldest first: as many as there is room for in so many bytes of JSON. */
  newest(bytes: number): string[] {
    let left = bytes;
    const lines = this.#tail.toReversed();
    const end = lines.findIndex((line) => {
      left -= Buffer.byteLength(JSON.stringify(line)) + 1;
      return left < 0;
    });
    return lines.slice(0, end === -1 ? undefined : end).reverse();
  }

  write(stage: StageName, printed: string): void {
    const line = printable(printed, MAX_LINE_CHARS);
    this.#tail.push(line.slice(0, MAX_TAIL_CHARS));
    if (this.#tail.length > TAIL_LINES) this.#tail.shift();
    const text = `${new Date().toISOString()} ${stage}: ${line}\n`;
    const bytes = Buffer.byteLength(text);
    this.#stream ??= this.#open();
    if (this.#bytes > 0 && this.#bytes + bytes > this.#maxFileBytes) this.#startNewFile();
    this.#stream?.write(text);
    this.#bytes += bytes;
  }

  async close(): Promise<void> {
    const stream = this.#stream;
    this.#stream = null;
    if (stream !== null) await new Promise<void>((resolve) => stream.end(resolve));
  }

  /** @returns null when there is no such folder or no more room. The log is a courtesy: no stage fails for it. */
  #open(): WriteStream | null {
    try {
      const file = openSync(this.path, "a");
      this.#bytes = fstatSync(file).size;
      const stream = createWriteStream(this.path, { fd: file });
      stream.on("error", () => undefined);
      return stream;
    } catch {
      return null;
    }
  }

  /** What is still to be written to the old file goes there under its new name. */
  #startNewFile(): void {
    this.#stream?.end();
    try {
      renameSync(this.path, `${this.path}.1`);
    } catch {
      // The file was removed; the new one begins empty all the same.
    }
    this.#stream = this.#open();
  }
}
