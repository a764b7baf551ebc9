import { statfs } from "node:fs/promises";
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
import { systemFailure } from "../../processes/system-failure.ts";
import { SIGNATURE_BYTES, type Signature, signatureOf } from "../frames/container-signature.ts";
import { ByteRate } from "./byte-rate.ts";
import { limitOf, nextSpan } from "./byte-spans.ts";
import {
  canResume,
  connectionError,
  HttpSource,
  type HttpSourceOptions,
  type OpenedSource,
  type SourceError,
} from "./http-source.ts";
import { PartFile } from "./part-file.ts";
import { StallTimer } from "./stall-timer.ts";

export interface FetchLimits {
  readonly maxBytes: number;
  /** Bytes that stay free on the disk. */
  readonly minFreeBytes: number;
  /** The longest that (next to) nothing may arrive, and the longest wait for an answer. */
  readonly stallMs: number;
  /** Tries in a row that may fail, with next to nothing gained, before the download fails. */
  readonly maxTries: number;
  readonly backoff: BackoffWindow;
  /** How long, all waits together, a server may ask to come back later (Retry-After) before the download fails. */
  readonly patienceMs: number;
  /** How many streams may fetch parts of the file at once. */
  readonly connections: number;
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
  /** How long the server asked to wait before the next try. */
  readonly waitingMs?: number;
}

export interface FetchedFile {
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
}

/** Bytes between two looks at how much space the disk has. */
const DISK_CHECK_BYTES = 64 * 1024 * 1024;
/** Less than this in `stallMs`, or in one try, counts as nothing. */
const WORTHWHILE_BYTES = 64 * 1024;
const PROGRESS_INTERVAL_MS = 250;
const MAX_PAUSE_MS = 60_000;
/** A wait shows a sign of life this often. */
const WAIT_REPORT_MS = 30_000;

/**
 * Downloads a video to a file: in several streams where the server serves ranges of a file that it identifies
 * for certain, over more connections when one breaks, and from where an earlier run of the program got to.
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

/** One connection's work. */
interface Stream {
  /** The next byte that it will store. */
  at: number;
}

/**
 * One stream leads: its tries and errors decide about the download. Once it has seen that the server's answer
 * is divisible it takes on helpers, a first one to see whether ranges are served, then the others. Each works
 * on what `nextSpan` gives it and ends where another one's work begins, so a helper that fails leaves nothing
 * behind but a gap, and the leader alone can always finish.
 */
class Download {
  readonly #options: FetchFileOptions;
  readonly #source: HttpSource;
  readonly #part: PartFile;
  readonly #rate = new ByteRate();
  readonly #streams = new Set<Stream>();
  readonly #helpers = new Set<Promise<void>>();
  #helpersEnd = new AbortController();
  /** How many helpers there may be: none before an answer is divisible, one before a range was served. */
  #helpersWanted = 0;
  /** What ended a helper that is not the server's doing, such as a disk that is full. */
  #fault: unknown = null;
  #headChecked = false;
  /** How often what was there had to be thrown away. */
  #restarts = 0;
  #diskCheckedAt = 0;
  #lastReportMs = 0;

  constructor(options: FetchFileOptions) {
    this.#options = options;
    this.#source = new HttpSource(options.source);
    this.#part = new PartFile(options.file, options.source.url);
  }

  async run(): Promise<Result<FetchedFile, Failure>> {
    const { signal, limits, log } = this.#options;
    await this.#part.takeUp();
    let failures = 0;
    let { patienceMs } = limits;
    while (!signal.aborted) {
      const before = this.#part.received;
      const error = await this.#lead();
      if (signal.aborted) break;
      if (error === null) return ok(await this.#part.finish());
      const wait = this.#isWorthWaiting(error);
      if (!error.mayPass && !wait) return err(error.failure);
      if (error.restart || !canResume(this.#part.validator)) await this.#startOver();
      const { retryAfterMs = 0 } = error;
      if (retryAfterMs > 0 && !wait) {
        if (retryAfterMs > patienceMs) return err(tooLate(error.failure, retryAfterMs));
        patienceMs -= retryAfterMs;
        await this.#waitAsAsked(retryAfterMs);
        continue;
      }
      failures = this.#part.received - before >= WORTHWHILE_BYTES ? 1 : failures + 1;
      if (Math.max(failures, this.#restarts) >= limits.maxTries && !wait) return err(error.failure);
      const pauseMs = pauseAfter(failures, limits.backoff, error);
      log.warn(
        `download: ${error.failure.detail} Going on at byte ${this.#part.received} in ${Math.round(pauseMs)} ms`,
      );
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    }
    return err(failure("agent_stopped", ""));
  }

  async #waitAsAsked(ms: number): Promise<void> {
    const { signal, log } = this.#options;
    log.info(`download: the server asks to try again in ${Math.round(ms / 1000)} s`);
    for (let left = ms; left > 0 && !signal.aborted; left -= WAIT_REPORT_MS) {
      const { received, total } = this.#part;
      this.#options.onProgress({ received, total, bytesPerSecond: 0, waitingMs: left });
      await sleep(Math.min(left, WAIT_REPORT_MS), undefined, { signal }).catch(() => undefined);
    }
  }

  /** Only what the server answered, or a connection that failed, may pass; what the file is will not. */
  #isWorthWaiting({ status, answer, mayPass }: SourceError): boolean {
    if (status === undefined && !mayPass) return false;
    return this.#options.mayPass?.(status ?? 0, answer ?? "") ?? false;
  }

  async close(): Promise<void> {
    await this.#dismissHelpers();
    await this.#part.close();
  }

  async #startOver(): Promise<void> {
    if (this.#part.received > 0) this.#restarts++;
    await this.#dismissHelpers();
    await this.#part.startOver();
    this.#headChecked = false;
    this.#diskCheckedAt = 0;
  }

  async #dismissHelpers(): Promise<void> {
    this.#helpersWanted = 0;
    this.#helpersEnd.abort();
    await Promise.all(this.#helpers);
    this.#helpersEnd = new AbortController();
  }

  /** @returns null when the file is complete */
  async #lead(): Promise<SourceError | null> {
    // A try begins at the file's own URL; from there on the address that answered is good for more.
    let beside = false;
    while (!this.#part.complete) {
      if (this.#fault !== null) throw this.#fault;
      const { total, spans, prefix } = this.#part;
      const span = total === null ? null : nextSpan(total, spans, this.#busy());
      if (span === null && this.#helpers.size > 0) {
        await Promise.race(this.#helpers);
        continue;
      }
      const from = span?.from ?? prefix;
      const to = span === null || span.to === total ? null : span.to;
      const error = await this.#stream({ from, to, beside }, this.#options.signal, async (opened, stream) => {
        if (opened.offset !== stream.at) await this.#startOver();
        this.#part.total = opened.total;
        this.#part.validator = opened.validator;
        stream.at = opened.offset;
        const most = opened.divisible && opened.total !== null ? this.#options.limits.connections - 1 : 0;
        this.#helpersWanted ||= Math.min(1, most);
        return this.#checkSize() ?? (await this.#checkRoom());
      });
      if (error !== null) return error;
      beside = true;
    }
    return this.#checkHead(true);
  }

  /** Takes on as many helpers as are wanted and have work. */
  #takeOnHelpers(): void {
    const { total, spans } = this.#part;
    if (total === null) return;
    while (this.#helpers.size < this.#helpersWanted && nextSpan(total, spans, this.#busy()) !== null) {
      const helper: Promise<void> = this.#help(total)
        .catch((error: unknown) => {
          this.#fault ??= error;
        })
        .finally(() => this.#helpers.delete(helper));
      // It has its span by now, so the next one is given another.
      this.#helpers.add(helper);
    }
  }

  /** Fetches spans beside the leader until there are none, or until that does not work (any more). */
  async #help(total: number): Promise<void> {
    const { limits } = this.#options;
    const signal = AbortSignal.any([this.#options.signal, this.#helpersEnd.signal]);
    let failures = 0;
    while (!signal.aborted && failures < limits.maxTries) {
      const span = nextSpan(total, this.#part.spans, this.#busy());
      if (span === null) return;
      const before = this.#part.received;
      const error = await this.#stream({ ...span, beside: true }, signal, async (opened, stream) => {
        if (opened.offset !== stream.at || opened.total !== total) return NO_RANGES;
        this.#helpersWanted = Math.max(this.#helpersWanted, limits.connections - 1);
        return null;
      });
      if (error === null) continue;
      if (!error.mayPass || error.status !== undefined) {
        // The server does not want (so many) streams; those that it serves go on.
        this.#helpersWanted = Math.min(this.#helpersWanted, this.#helpers.size - 1);
        return;
      }
      failures = this.#part.received > before ? 1 : failures + 1;
      await sleep(pauseAfter(failures, limits.backoff, error), undefined, { signal }).catch(() => undefined);
    }
  }

  #busy(except?: Stream): number[] {
    return [...this.#streams].flatMap((stream) => (stream === except ? [] : [stream.at]));
  }

  /**
   * Opens a stream and stores what comes, up to where another stream's work begins.
   *
   * @param admit looks at the answer before anything is stored
   */
  async #stream(
    span: { from: number; to: number | null; beside?: boolean },
    end: AbortSignal,
    admit: (opened: OpenedSource, stream: Stream) => Promise<SourceError | null>,
  ): Promise<SourceError | null> {
    const stream = { at: span.from };
    this.#streams.add(stream);
    const stall = new StallTimer(this.#options.limits.stallMs, WORTHWHILE_BYTES / this.#streams.size);
    const signal = AbortSignal.any([end, stall.signal]);
    try {
      const opened = await this.#source.open({ ...span, validator: this.#part.validator }, signal);
      if (!opened.ok) return stall.fired ? stalled() : opened.error;
      const refused = await admit(opened.value, stream);
      if (refused === null) return await this.#store(opened.value, stream, stall, span.to);
      opened.value.discard();
      return refused;
    } catch (error) {
      if (systemFailure(error) !== null) throw error;
      return stall.fired ? stalled() : connectionError(error);
    } finally {
      stall.stop();
      this.#streams.delete(stream);
    }
  }

  async #store(
    opened: OpenedSource,
    stream: Stream,
    stall: StallTimer,
    to: number | null,
  ): Promise<SourceError | null> {
    const began = stream.at;
    await this.#part.record();
    for await (const chunk of opened.body) {
      stall.received(chunk.length);
      const limit = limitOf(stream.at, this.#part.spans, this.#busy(stream));
      const bytes = chunk.subarray(0, limit - stream.at);
      await this.#part.write(bytes, stream.at);
      stream.at += bytes.length;
      // Leaving the loop gives the connection up.
      const problem = this.#checkSize() ?? this.#checkHead(false) ?? (await this.#checkRoomAgain());
      if (problem) return problem;
      this.#report();
      if (this.#headChecked || !this.#options.onlyVideo) this.#takeOnHelpers();
      if (stream.at === limit && stream.at !== opened.end) return null;
    }
    if (opened.end === null) this.#part.total = stream.at;
    else if (stream.at < opened.end) return BROKEN;
    // A range may end before what was asked for, but not in crumbs for ever.
    else if (
      stream.at < (to ?? opened.total ?? Number.POSITIVE_INFINITY) &&
      stream.at - began < WORTHWHILE_BYTES
    )
      return BROKEN;
    return null;
  }

  #checkSize(): SourceError | null {
    const size = Math.max(this.#part.received, this.#part.total ?? 0);
    if (size <= this.#options.limits.maxBytes) return null;
    const detail = `It has ${megabytes(size)} MB; ${megabytes(this.#options.limits.maxBytes)} MB are allowed.`;
    return { failure: failure("source_too_large", detail), mayPass: false };
  }

  /** Web pages and the like are turned down after their first bytes, not after all of them. */
  #checkHead(complete: boolean): SourceError | null {
    const { head } = this.#part;
    if (!this.#options.onlyVideo || this.#headChecked) return null;
    if (head.length < SIGNATURE_BYTES && !complete) return null;
    this.#headChecked = true;
    const signature = signatureOf(head);
    const what = NOT_A_VIDEO[signature];
    if (what === undefined) return null;
    const advice = signature === "html" ? this.#source.pageAdvice : null;
    return { failure: failure("source_not_a_video", advice ?? `It is ${what}.`), mayPass: false };
  }

  async #checkRoomAgain(): Promise<SourceError | null> {
    if (this.#part.received - this.#diskCheckedAt < DISK_CHECK_BYTES) return null;
    return this.#checkRoom();
  }

  async #checkRoom(): Promise<SourceError | null> {
    const { received, total } = this.#part;
    this.#diskCheckedAt = received;
    const { bavail, bsize } = await statfs(dirname(this.#options.file));
    const needed = (total ?? received) - received + this.#options.limits.minFreeBytes;
    if (bavail * bsize >= needed) return null;
    const detail = `The video needs ${megabytes(needed)} MB; ${megabytes(bavail * bsize)} MB are free.`;
    return { failure: failure("disk_full", detail), mayPass: false };
  }

  #report(): void {
    const nowMs = performance.now();
    const { received, total } = this.#part;
    this.#rate.add(nowMs, received);
    if (nowMs - this.#lastReportMs < PROGRESS_INTERVAL_MS && received !== total) return;
    this.#lastReportMs = nowMs;
    this.#options.onProgress({ received, total, bytesPerSecond: this.#rate.perSecond() });
  }
}

function pauseAfter(failures: number, backoff: BackoffWindow, error: SourceError): number {
  const waitMs = Math.max(error.retryAfterMs ?? 0, fullJitterMs(failures, backoff, Math.random));
  return Math.min(MAX_PAUSE_MS, waitMs);
}

const BROKEN: SourceError = {
  failure: failure("source_unreachable", "The connection broke."),
  mayPass: true,
};
const NO_RANGES: SourceError = {
  failure: failure("source_server_error", "It does not serve parts of the file."),
  mayPass: false,
};

const NOT_A_VIDEO: Partial<Record<Signature, string>> = {
  html: "a web page",
  playlist: "a playlist that names other files",
  text: "a text",
  other: "another kind of file",
  empty: "empty",
};

function tooLate({ code, detail }: Failure, waitMs: number): Failure {
  return failure(code, `${detail} It asks to try again in ${Math.ceil(waitMs / 60_000)} minutes.`);
}

function stalled(): SourceError {
  return { failure: failure("source_stalled", "Nothing arrived for too long."), mayPass: true };
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
}
