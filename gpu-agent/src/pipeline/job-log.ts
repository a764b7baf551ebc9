import { createWriteStream, openSync, readFileSync, renameSync, type WriteStream } from "node:fs";
import { open } from "node:fs/promises";
import { MAX_LOG_LINE_CHARS, printable, type StageName } from "@splatt/shared";

const MAX_FILE_BYTES = 8 * 1024 * 1024;
const TAIL_LINES = 50;
const MAX_TAIL_CHARS = 500;
/** Of a line in the file, without its time and stage. */
const MAX_LINE_CHARS = 4000;
/** The place of every so many lines in the file is remembered. */
const INDEX_STRIDE = 8;
const MAX_LINE_BYTES = 4 * MAX_LOG_LINE_CHARS;
/** Which number the first line has, where earlier ones were left out. */
const FIRST_LINE = /^\S+ log: this is line (\d{1,10}); the lines before it were left out\n/;

/** Lines of the log, and the number of the first one. */
export interface LogLines {
  readonly from: number;
  readonly lines: string[];
  readonly more: boolean;
}

/**
 * The output of a job's tools: the last lines in memory, for failures, and the latest megabytes in a file. A full file
 * is renamed to `<name>.1`, replacing the previous one, so that the log keeps its end and never takes more than two
 * files' space.
 *
 * Lines are numbered from 0 for as long as the job's folder exists. A file that does not begin with line 0 says in its
 * first line which number that line has.
 */
export class JobLog {
  readonly path: string;
  readonly #maxFileBytes: number;
  readonly #tail: string[] = [];
  #stream: WriteStream | null = null;
  #bytes = 0;
  #isLoaded = false;
  /** Whether the file ends in the middle of a line. */
  #isBroken = false;
  /** The number of the file's first line, and of the line after its last, as far as it is written. */
  #first = 0;
  #end = 0;
  /** Bytes before each `INDEX_STRIDE`th line. */
  #offsets: number[] = [];
  #onLine: () => void = () => undefined;

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
    this.#stream ??= this.#open();
    if (this.#bytes > 0 && this.#bytes + Buffer.byteLength(text) > this.#maxFileBytes) this.#startNewFile();
    this.#append(text);
    this.#onLine();
  }

  /** Calls `onLine` at every line from now on. */
  watch(onLine: () => void): void {
    this.#onLine = onLine;
  }

  /**
   * Reads lines of the file.
   *
   * @param next the first one; negative counts from the end
   * @param maxBytes how many bytes to return at most, as JSON
   */
  async read(next: number, maxBytes: number): Promise<LogLines> {
    this.#load();
    const wanted = next < 0 ? this.#end + next : next;
    const from = Math.min(Math.max(wanted, this.#first), this.#end);
    const skipped = from - this.#first;
    const offset = this.#offsets[Math.floor(skipped / INDEX_STRIDE)];
    if (from >= this.#end || offset === undefined) return { from, lines: [], more: false };
    const end = this.#end;
    const text = await readText(this.path, offset, INDEX_STRIDE * MAX_LINE_BYTES + maxBytes);
    const complete = text.split("\n").slice(0, -1);
    const lines: string[] = [];
    let left = maxBytes;
    for (const line of complete.slice(skipped % INDEX_STRIDE, (skipped % INDEX_STRIDE) + end - from)) {
      const shown = line.slice(0, MAX_LOG_LINE_CHARS);
      left -= Buffer.byteLength(JSON.stringify(shown)) + 1;
      if (left < 0 && lines.length > 0) break;
      lines.push(shown);
    }
    return { from, lines, more: from + lines.length < end };
  }

  async close(): Promise<void> {
    const stream = this.#stream;
    this.#stream = null;
    if (stream !== null) await new Promise<void>((resolve) => stream.end(resolve));
  }

  #append(text: string): void {
    if ((this.#end - this.#first) % INDEX_STRIDE === 0) this.#offsets.push(this.#bytes);
    this.#stream?.write(text);
    this.#bytes += Buffer.byteLength(text);
    this.#end += 1;
  }

  /** @returns null when the folder is missing or the disk is full. No stage fails because of its log. */
  #open(): WriteStream | null {
    this.#load();
    try {
      const stream = createWriteStream(this.path, { fd: openSync(this.path, "a") });
      stream.on("error", () => undefined);
      if (this.#isBroken) {
        stream.write("\n");
        this.#bytes += 1;
        this.#isBroken = false;
      }
      return stream;
    } catch {
      return null;
    }
  }

  /** Finds out, once, which lines an earlier process left in the file. */
  #load(): void {
    if (this.#isLoaded) return;
    this.#isLoaded = true;
    const content = readIfThere(this.path);
    this.#first = Number(FIRST_LINE.exec(content.slice(0, 200))?.[1] ?? 0);
    this.#end = this.#first;
    const lines = content.split("\n");
    const rest = lines.pop() ?? "";
    // A process that was killed may have left half a line.
    this.#isBroken = rest !== "";
    for (const line of this.#isBroken ? [...lines, rest] : lines) {
      if ((this.#end - this.#first) % INDEX_STRIDE === 0) this.#offsets.push(this.#bytes);
      this.#bytes += Buffer.byteLength(line) + 1;
      this.#end += 1;
    }
    if (this.#isBroken) this.#bytes -= 1;
  }

  /** Pending writes follow the old file to its new name. */
  #startNewFile(): void {
    const end = this.#end;
    this.#stream?.end();
    try {
      renameSync(this.path, `${this.path}.1`);
    } catch {
      // The file was removed. Start a new one anyway.
    }
    this.#stream = this.#open();
    this.#first = end;
    this.#bytes = 0;
    this.#offsets = [];
    this.#append(`${new Date().toISOString()} log: this is line ${end}; the lines before it were left out\n`);
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

async function readText(path: string, offset: number, bytes: number): Promise<string> {
  const file = await open(path).catch(() => null);
  if (file === null) return "";
  try {
    const buffer = Buffer.alloc(bytes);
    const { bytesRead } = await file.read(buffer, 0, bytes, offset);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}
