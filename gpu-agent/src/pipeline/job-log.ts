import { type FileHandle, open, readFile, rename } from "node:fs/promises";
import { MAX_LOG_LINE_CHARS, printable, type StageName } from "@splatt/shared";

const MAX_FILE_BYTES = 8 * 1024 * 1024;
const TAIL_LINES = 50;
const MAX_TAIL_CHARS = 500;
/** Of a line in the file, without its time and stage. */
const MAX_LINE_CHARS = 4000;
/** The place of every so many lines in the file is remembered. */
const INDEX_STRIDE = 8;
const MAX_LINE_BYTES = 4 * MAX_LOG_LINE_CHARS;
/** Of lines that the disk has not taken yet. Further ones are left out of the file. */
const MAX_WAITING_CHARS = 4 * 1024 * 1024;
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
 * files' space. No stage waits for its log, or fails because of it.
 *
 * Lines are numbered from 0 for as long as the job's folder exists. A file that does not begin with line 0 says in its
 * first line which number that line has.
 */
export class JobLog {
  readonly path: string;
  readonly #maxFileBytes: number;
  readonly #tail: string[] = [];
  /** Lines that are not in the file yet. */
  #waiting: string[] = [];
  #waitingChars = 0;
  #writing: Promise<void> | null = null;
  #file: FileHandle | null = null;
  #bytes = 0;
  #loading: Promise<void> | null = null;
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
    if (this.#waitingChars > MAX_WAITING_CHARS) return;
    const text = `${new Date().toISOString()} ${stage}: ${line}\n`;
    this.#waiting.push(text);
    this.#waitingChars += text.length;
    this.#writing ??= this.#writeWaiting();
  }

  /** Calls `onLine` whenever the file has new lines, from now on. */
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
    await this.#load();
    const wanted = next < 0 ? this.#end + next : next;
    const from = Math.min(Math.max(wanted, this.#first), this.#end);
    const skipped = from - this.#first;
    const offset = this.#offsets[Math.floor(skipped / INDEX_STRIDE)];
    if (from >= this.#end || offset === undefined) return { from, lines: [], more: false };
    const [first, end] = [this.#first, this.#end];
    const text = await readText(this.path, offset, INDEX_STRIDE * MAX_LINE_BYTES + maxBytes);
    // A new file has begun meanwhile.
    if (first !== this.#first) return this.read(next, maxBytes);
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

  /** Resolves when all lines are in the file. */
  async close(): Promise<void> {
    await this.#writing;
    const file = this.#file;
    this.#file = null;
    await file?.close().catch(() => undefined);
  }

  async #writeWaiting(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lines = this.#waiting;
      this.#waiting = [];
      this.#waitingChars = 0;
      try {
        await this.#append(lines);
      } catch {
        // The folder is missing, or the disk refuses. Of these lines, the file may hold some.
        await this.#forget();
      }
      this.#onLine();
    }
    this.#writing = null;
  }

  async #append(lines: readonly string[]): Promise<void> {
    await this.#load();
    const batch = new Batch();
    for (const line of lines) {
      const bytes = Buffer.byteLength(line);
      const size = this.#bytes + batch.bytes;
      if (size > 0 && size + bytes > this.#maxFileBytes) {
        await this.#write(batch.take());
        await this.#startNewFile();
      }
      batch.add(line, bytes);
    }
    await this.#write(batch.take());
  }

  async #write(lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return;
    this.#file ??= await open(this.path, "a");
    const ending = this.#isBroken ? "\n" : "";
    await this.#file.appendFile(Buffer.from(ending + lines.join("")));
    this.#bytes += ending.length;
    this.#isBroken = false;
    for (const line of lines) this.#note(Buffer.byteLength(line));
  }

  /** A line is in the file. */
  #note(bytes: number): void {
    if ((this.#end - this.#first) % INDEX_STRIDE === 0) this.#offsets.push(this.#bytes);
    this.#bytes += bytes;
    this.#end += 1;
  }

  /** Finds out, once, which lines an earlier process left in the file. */
  #load(): Promise<void> {
    this.#loading ??= this.#readLines();
    return this.#loading;
  }

  async #readLines(): Promise<void> {
    const content = await readFile(this.path, "utf8").catch(() => "");
    this.#first = Number(FIRST_LINE.exec(content.slice(0, 200))?.[1] ?? 0);
    this.#end = this.#first;
    this.#bytes = 0;
    this.#offsets = [];
    const lines = content.split("\n");
    const rest = lines.pop() ?? "";
    // A process that was killed may have left half a line.
    this.#isBroken = rest !== "";
    for (const line of this.#isBroken ? [...lines, rest] : lines) this.#note(Buffer.byteLength(line) + 1);
    if (this.#isBroken) this.#bytes -= 1;
  }

  /** After an error, the next line checks again what the file holds. */
  async #forget(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    this.#loading = null;
    await file?.close().catch(() => undefined);
  }

  async #startNewFile(): Promise<void> {
    await this.#file?.close();
    this.#file = null;
    // The file may have been removed: a new one begins anyway.
    await rename(this.path, `${this.path}.1`).catch(() => undefined);
    this.#first = this.#end;
    this.#bytes = 0;
    this.#offsets = [];
    this.#isBroken = false;
    const left = `this is line ${this.#end}; the lines before it were left out`;
    await this.#write([`${new Date().toISOString()} log: ${left}\n`]);
  }
}

/** Lines that are written together. */
class Batch {
  #lines: string[] = [];
  bytes = 0;

  add(line: string, bytes: number): void {
    this.#lines.push(line);
    this.bytes += bytes;
  }

  take(): string[] {
    const lines = this.#lines;
    this.#lines = [];
    this.bytes = 0;
    return lines;
  }
}

/** @returns nothing from a file that is missing or cannot be read */
async function readText(path: string, offset: number, bytes: number): Promise<string> {
  const file = await open(path).catch(() => null);
  const buffer = Buffer.alloc(bytes);
  const read = await file?.read(buffer, 0, bytes, offset).catch(() => null);
  await file?.close().catch(() => undefined);
  return buffer.toString("utf8", 0, read?.bytesRead ?? 0);
}
