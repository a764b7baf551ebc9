import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open, readFile, rename, rm, statfs, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type BackoffWindow,
  err,
  type Failure,
  failure,
  fullJitterMs,
  ok,
  type Result,
} from "@splatt/shared";
import type { Logger } from "pino";
import { z } from "zod";
import { systemFailure } from "../../processes/system-failure.ts";
import { SIGNATURE_BYTES, type Signature, signatureOf } from "../frames/container-signature.ts";
import { ByteRate } from "./byte-rate.ts";
import {
  canResume,
  connectionError,
  HttpSource,
  type HttpSourceOptions,
  type OpenedSource,
  type SourceError,
} from "./http-source.ts";

export interface FetchLimits {
  readonly maxBytes: number;
  /** Bytes that stay free on the disk. */
  readonly minFreeBytes: number;
  /** The longest that (next to) nothing may arrive, and the longest wait for an answer. */
  readonly stallMs: number;
  /** Tries in a row that may fail, with next to nothing gained, before the download fails. */
  readonly maxTries: number;
  readonly backoff: BackoffWindow;
}

export interface FetchFileOptions {
  readonly source: HttpSourceOptions;
  /** Where the file goes. What is there so far, and what it is a part of, are kept beside it. */
  readonly file: string;
  readonly limits: FetchLimits;
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly onProgress: (progress: FetchProgress) => void;
  /** Turn down what is not a video after its first bytes. Otherwise whoever reads the file finds out. */
  readonly onlyVideo: boolean;
  /**
   * Whether a refusal of the server is worth waiting for, besides those that usually are; such waits go on
   * until `signal`. For servers whose answers the caller understands.
   */
  readonly mayPass?: (status: number, answer: string) => boolean;
}

export interface FetchProgress {
  readonly received: number;
  /** Null while the server does not say. */
  readonly total: number | null;
  readonly bytesPerSecond: number;
}

export interface FetchedFile {
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
}

/** What the file so far is a part of. */
const PartRecord = z.object({
  /** Of the URL, which may be secret. */
  url_sha256: z.string(),
  etag: z.string().nullable(),
  last_modified: z.string().nullable(),
  total: z.int().nullable(),
});
type PartRecord = z.infer<typeof PartRecord>;

/** Bytes between two looks at how much space the disk has. */
const DISK_CHECK_BYTES = 64 * 1024 * 1024;
/** Less than this in `stallMs`, or in one try, counts as nothing: a server may not trickle for ever. */
const WORTHWHILE_BYTES = 64 * 1024;
const PROGRESS_INTERVAL_MS = 250;
const MAX_RETRY_AFTER_MS = 60_000;

/**
 * Downloads a video to a file: over several connections when one breaks, and from where an earlier run of the
 * program got to. The bytes are hashed as they come.
 *
 * @returns the `source_…` codes, `disk_full`, or `agent_stopped` when `signal` was aborted
 */
export async function fetchFile(options: FetchFileOptions): Promise<Result<FetchedFile, Failure>> {
  const download = new Download(options);
  try {
    return await download.run();
  } catch (error) {
    const shortage = systemFailure(error);
    if (shortage !== null) return err(shortage);
    throw error;
  } finally {
    await download.close();
  }
}

class Download {
  readonly #options: FetchFileOptions;
  readonly #source: HttpSource;
  readonly #part: string;
  readonly #record: string;
  readonly #rate = new ByteRate();
  #file: FileHandle | null = null;
  #hash: Hash = createHash("sha256");
  #received = 0;
  #total: number | null = null;
  #validator: { etag: string | null; lastModified: string | null } = { etag: null, lastModified: null };
  /** The first bytes, until there are enough to see that they are a video's. */
  #head: Buffer | null = Buffer.alloc(0);
  #lastReportMs = 0;

  constructor(options: FetchFileOptions) {
    this.#options = options;
    this.#source = new HttpSource(options.source);
    this.#part = `${options.file}.part`;
    this.#record = `${options.file}.part.json`;
  }

  async run(): Promise<Result<FetchedFile, Failure>> {
    const { signal, limits, log } = this.#options;
    await this.#takeUp();
    if (this.#received > 0 && this.#received === this.#total) return this.#finish();
    let failures = 0;
    while (!signal.aborted) {
      const before = this.#received;
      const error = await this.#tryOnce();
      if (signal.aborted) break;
      if (error === null) return this.#finish();
      const wait = this.#isWorthWaiting(error);
      if (!error.mayPass && !wait) return err(error.failure);
      if (error.restart || !canResume(this.#validator)) await this.#startOver();
      failures = this.#received - before >= WORTHWHILE_BYTES ? 1 : failures + 1;
      if (failures >= limits.maxTries && !wait) return err(error.failure);
      const pauseMs = Math.min(
        MAX_RETRY_AFTER_MS,
        Math.max(error.retryAfterMs ?? 0, fullJitterMs(failures, limits.backoff, Math.random)),
      );
      log.warn(
        `download: ${error.failure.detail} Going on at byte ${this.#received} in ${Math.round(pauseMs)} ms`,
      );
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    }
    return err(failure("agent_stopped", ""));
  }

  /** Only what the server answered, or a connection that failed, may pass; what the file is will not. */
  #isWorthWaiting({ status, answer, mayPass }: SourceError): boolean {
    if (status === undefined && !mayPass) return false;
    return this.#options.mayPass?.(status ?? 0, answer ?? "") ?? false;
  }

  async #finish(): Promise<Result<FetchedFile, Failure>> {
    await this.#file?.sync();
    await this.close();
    await rename(this.#part, this.#options.file);
    await rm(this.#record, { force: true });
    return ok({ size: this.#received, sha256: this.#hash.digest("hex") });
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }

  /** Goes on from what an earlier run left, if it can be told what that is. */
  async #takeUp(): Promise<void> {
    const record = await this.#readRecord();
    this.#file = await open(this.#part, "a+");
    if (!record) return this.#startOver();
    for await (const chunk of this.#file.createReadStream({ start: 0, autoClose: false })) {
      this.#count(chunk as Buffer);
    }
    this.#validator = { etag: record.etag, lastModified: record.last_modified };
    this.#total = record.total;
  }

  async #readRecord(): Promise<PartRecord | null> {
    try {
      const record = PartRecord.parse(JSON.parse(await readFile(this.#record, "utf8")));
      return record.url_sha256 === this.#urlHash() ? record : null;
    } catch {
      return null;
    }
  }

  #urlHash(): string {
    return createHash("sha256").update(this.#options.source.url).digest("hex");
  }

  async #startOver(): Promise<void> {
    await rm(this.#record, { force: true });
    if (this.#file && (await this.#file.stat()).size > 0) await this.#file.truncate(0);
    this.#hash = createHash("sha256");
    this.#received = 0;
    this.#total = null;
    this.#validator = { etag: null, lastModified: null };
    this.#head = Buffer.alloc(0);
  }

  /** @returns null when the file is complete */
  async #tryOnce(): Promise<SourceError | null> {
    const stall = new StallTimer(this.#options.limits.stallMs);
    const signal = AbortSignal.any([this.#options.signal, stall.signal]);
    try {
      const opened = await this.#source.open(this.#received, this.#validator, signal);
      if (!opened.ok) return stall.fired ? stalled() : opened.error;
      return await this.#receive(opened.value, stall);
    } catch (error) {
      if (systemFailure(error) !== null) throw error;
      return stall.fired ? stalled() : connectionError(error);
    } finally {
      stall.stop();
    }
  }

  async #receive(opened: OpenedSource, stall: StallTimer): Promise<SourceError | null> {
    if (opened.offset !== this.#received) await this.#startOver();
    this.#total = opened.total;
    this.#validator = opened.validator;
    const refused = (await this.#checkRoom()) ?? this.#checkSize();
    if (refused) {
      // Giving the body up makes it emit an error, which would end the process if nobody heard it.
      opened.body.on("error", () => undefined).destroy();
      return refused;
    }
    await this.#writeRecord();
    let checkedDiskAt = this.#received;
    for await (const chunk of opened.body as AsyncIterable<Buffer>) {
      stall.received(chunk.length);
      await this.#file?.appendFile(chunk);
      this.#count(chunk);
      let problem = this.#checkSize() ?? this.#checkHead(false);
      if (this.#received - checkedDiskAt >= DISK_CHECK_BYTES) {
        checkedDiskAt = this.#received;
        problem ??= await this.#checkRoom();
      }
      // Leaving the loop gives the connection up.
      if (problem) return problem;
      this.#report();
    }
    if (this.#total !== null && this.#received < this.#total) {
      return { failure: failure("source_unreachable", "The connection broke."), mayPass: true };
    }
    return this.#checkHead(true);
  }

  #count(chunk: Buffer): void {
    this.#hash.update(chunk);
    this.#received += chunk.length;
    if (this.#head && this.#head.length < SIGNATURE_BYTES) this.#head = Buffer.concat([this.#head, chunk]);
  }

  #checkSize(): SourceError | null {
    const size = Math.max(this.#received, this.#total ?? 0);
    if (size <= this.#options.limits.maxBytes) return null;
    const detail = `It has ${megabytes(size)} MB; ${megabytes(this.#options.limits.maxBytes)} MB are allowed.`;
    return { failure: failure("source_too_large", detail), mayPass: false };
  }

  /** Web pages and the like are turned down after their first bytes, not after all of them. */
  #checkHead(complete: boolean): SourceError | null {
    if (!this.#options.onlyVideo) return null;
    if (!this.#head || (this.#head.length < SIGNATURE_BYTES && !complete)) return null;
    const signature = signatureOf(this.#head.subarray(0, SIGNATURE_BYTES));
    this.#head = null;
    const what = NOT_A_VIDEO[signature];
    return what ? { failure: failure("source_not_a_video", `It is ${what}.`), mayPass: false } : null;
  }

  async #checkRoom(): Promise<SourceError | null> {
    const { bavail, bsize } = await statfs(dirname(this.#options.file));
    const needed = (this.#total ?? this.#received) - this.#received + this.#options.limits.minFreeBytes;
    if (bavail * bsize >= needed) return null;
    const detail = `The video needs ${megabytes(needed)} MB; ${megabytes(bavail * bsize)} MB are free.`;
    return { failure: failure("disk_full", detail), mayPass: false };
  }

  async #writeRecord(): Promise<void> {
    const { etag, lastModified } = this.#validator;
    const record: PartRecord = {
      url_sha256: this.#urlHash(),
      etag,
      last_modified: lastModified,
      total: this.#total,
    };
    if (canResume(this.#validator)) await writeFile(this.#record, JSON.stringify(record));
    else await rm(this.#record, { force: true });
  }

  #report(): void {
    const nowMs = performance.now();
    this.#rate.add(nowMs, this.#received);
    if (nowMs - this.#lastReportMs < PROGRESS_INTERVAL_MS && this.#received !== this.#total) return;
    this.#lastReportMs = nowMs;
    this.#options.onProgress({
      received: this.#received,
      total: this.#total,
      bytesPerSecond: this.#rate.perSecond(),
    });
  }
}

const NOT_A_VIDEO: Partial<Record<Signature, string>> = {
  html: "a web page",
  playlist: "a playlist that names other files",
  text: "a text",
  other: "another kind of file",
  empty: "empty",
};

/** Fires when next to nothing has arrived for a while. */
class StallTimer {
  readonly #abort = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #bytes = 0;
  fired = false;

  constructor(ms: number) {
    this.#timer = setTimeout(() => {
      this.fired = true;
      this.#abort.abort();
    }, ms);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  received(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < WORTHWHILE_BYTES) return;
    this.#bytes = 0;
    this.#timer.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

function stalled(): SourceError {
  return { failure: failure("source_stalled", "Nothing arrived for too long."), mayPass: true };
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
}
