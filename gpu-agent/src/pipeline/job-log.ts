import { createWriteStream, fstatSync, openSync, renameSync, type WriteStream } from "node:fs";
import { printable, type StageName } from "@splatt/shared";

const MAX_FILE_BYTES = 8 * 1024 * 1024;
const TAIL_LINES = 50;
const MAX_TAIL_CHARS = 500;
/** Of a line in the file. */
const MAX_LINE_CHARS = 4000;

/**
 * The output of a job's tools: the last lines in memory, for failures, and the latest megabytes in a file. A full file is renamed
 * to `<name>.1`, replacing the previous one, so that the log keeps its end and never takes more than two files' space.
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

  /** The last lines, oldest first: as many as fit into the given number of bytes as JSON. */
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

  /** @returns null when the folder is missing or the disk is full. No stage fails because of its log. */
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

  /** Pending writes follow the old file to its new name. */
  #startNewFile(): void {
    this.#stream?.end();
    try {
      renameSync(this.path, `${this.path}.1`);
    } catch {
      // The file was removed. Start a new one anyway.
    }
    this.#stream = this.#open();
  }
}
