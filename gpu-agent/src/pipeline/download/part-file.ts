import { createHash, type Hash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { z } from "zod";
import { SIGNATURE_BYTES } from "../frames/container-signature.ts";
import { addSpan, type ByteSpan, bytesIn, prefixOf } from "./byte-spans.ts";
import { canResume, type Validator } from "./http-source.ts";

/** Which file is being downloaded, and which of its bytes are on the disk. */
const PartRecord = z.object({
  /** A hash of the URL, which may be secret. */
  url_sha256: z.string(),
  etag: z.string().nullable(),
  last_modified: z.string().nullable(),
  total: z.int().nullable(),
  spans: z.array(z.object({ from: z.int().nonnegative(), to: z.int().positive() })),
});
type PartRecord = z.infer<typeof PartRecord>;

/** How much of a download is lost at most when the agent is killed. */
const RECORD_INTERVAL_MS = 1000;
const READ_BYTES = 1024 * 1024;
const NO_VALIDATOR: Validator = { etag: null, lastModified: null };

/**
 * A file that arrives in pieces, in any order and across restarts. Until complete, it is named `.part`, with a record
 * of the received spans in `.part.json`. Bytes are flushed to disk before the record that lists them.
 */
export class PartFile {
  readonly #path: string;
  readonly #part: string;
  readonly #record: string;
  readonly #urlHash: string;
  #file: FileHandle | null = null;
  #spans: readonly ByteSpan[] = [];
  #hash: Hash = createHash("sha256");
  /** How many bytes from the start are in `#hash`. */
  #hashed = 0;
  #head = Buffer.alloc(SIGNATURE_BYTES);
  #recordTimer: NodeJS.Timeout | null = null;
  #recording: Promise<void> | null = null;
  /** Size of the whole file in bytes; null while unknown. */
  total: number | null = null;
  validator: Validator = NO_VALIDATOR;

  constructor(path: string, url: string) {
    this.#path = path;
    this.#part = `${path}.part`;
    this.#record = `${path}.part.json`;
    this.#urlHash = createHash("sha256").update(url).digest("hex");
  }

  get spans(): readonly ByteSpan[] {
    return this.#spans;
  }

  get received(): number {
    return bytesIn(this.#spans);
  }

  /** Where a download in one stream resumes. */
  get prefix(): number {
    return prefixOf(this.#spans);
  }

  get complete(): boolean {
    return this.total !== null && this.received === this.total;
  }

  /** The received part of the file's first bytes. */
  get head(): Uint8Array {
    return this.#head.subarray(0, Math.min(this.prefix, SIGNATURE_BYTES));
  }

  /** Resumes an earlier process's part file, if its record is valid. */
  async resume(): Promise<void> {
    const record = await this.#readRecord();
    // Not "a+": appending would ignore where a piece belongs.
    this.#file = await open(this.#part, constants.O_RDWR | constants.O_CREAT);
    const { size } = await this.#file.stat();
    if (!record || record.spans.some(({ to }) => to > size)) return this.startOver();
    this.#spans = record.spans.reduce<readonly ByteSpan[]>(addSpan, []);
    this.total = record.total;
    this.validator = { etag: record.etag, lastModified: record.last_modified };
    await this.#file.read(this.#head, 0, this.#head.length, 0);
  }

  async #readRecord(): Promise<PartRecord | null> {
    try {
      const record = PartRecord.parse(JSON.parse(await readFile(this.#record, "utf8")));
      return record.url_sha256 === this.#urlHash ? record : null;
    } catch {
      return null;
    }
  }

  async startOver(): Promise<void> {
    await this.#flushRecord();
    await rm(this.#record, { force: true });
    if (this.#file && (await this.#file.stat()).size > 0) await this.#file.truncate(0);
    this.#spans = [];
    this.#hash = createHash("sha256");
    this.#hashed = 0;
    this.total = null;
    this.validator = NO_VALIDATOR;
  }

  async write(chunk: Uint8Array, at: number): Promise<void> {
    if (!this.#file) throw new Error("the part file is not open");
    if (at < SIGNATURE_BYTES) this.#head.set(chunk.subarray(0, SIGNATURE_BYTES - at), at);
    for (let done = 0; done < chunk.length; ) {
      const { bytesWritten } = await this.#file.write(chunk, done, chunk.length - done, at + done);
      done += bytesWritten;
    }
    // Bytes in order are hashed as they arrive, the others at the end.
    if (at === this.#hashed) {
      this.#hash.update(chunk);
      this.#hashed += chunk.length;
    }
    this.#spans = addSpan(this.#spans, { from: at, to: at + chunk.length });
    this.#scheduleRecord();
  }

  #scheduleRecord(): void {
    this.#recordTimer ??= setTimeout(() => {
      this.#recordTimer = null;
      // The next write reports a full disk.
      this.record().catch(() => undefined);
    }, RECORD_INTERVAL_MS);
  }

  /** Saves the record for the next process, unless the file could not be resumed anyway. */
  async record(): Promise<void> {
    if (!canResume(this.validator)) return;
    // On a slow disk, the record being written may lack the latest bytes.
    if (this.#recording) return this.#scheduleRecord();
    this.#recording = this.#writeRecord().finally(() => {
      this.#recording = null;
    });
    await this.#recording;
  }

  async #flushRecord(): Promise<void> {
    if (this.#recordTimer) clearTimeout(this.#recordTimer);
    this.#recordTimer = null;
    await this.#recording?.catch(() => undefined);
  }

  async #writeRecord(): Promise<void> {
    const record: PartRecord = {
      url_sha256: this.#urlHash,
      etag: this.validator.etag,
      last_modified: this.validator.lastModified,
      total: this.total,
      spans: [...this.#spans],
    };
    await this.#file?.datasync();
    await writeFile(`${this.#record}.new`, JSON.stringify(record));
    await rename(`${this.#record}.new`, this.#record);
  }

  /** Renames the complete file to its final name. */
  async finish(): Promise<{ size: number; sha256: string }> {
    await this.#flushRecord();
    await Promise.all([this.#file?.datasync(), this.#hashRemaining()]);
    await this.#close();
    await rename(this.#part, this.#path);
    await rm(this.#record, { force: true });
    return { size: this.received, sha256: this.#hash.digest("hex") };
  }

  async #hashRemaining(): Promise<void> {
    const rest = this.#file?.createReadStream({
      ...{ start: this.#hashed, autoClose: false },
      highWaterMark: READ_BYTES,
    });
    for await (const chunk of rest ?? []) this.#hash.update(chunk as Buffer);
  }

  /** Keeps an unfinished file for the next process. Does nothing after `finish`. */
  async close(): Promise<void> {
    if (!this.#file) return;
    await this.#flushRecord();
    // A full disk has no room for the record either, and that failure is already reported.
    await this.record().catch(() => undefined);
    await this.#close();
  }

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }
}
