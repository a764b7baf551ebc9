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
import { ByteRate } from "./byte-rate.ts";
import { limitOf, nextSpan } from "./byte-spans.ts";
import { DownloadChecks, type FileLimits } from "./download-checks.ts";
import {
  canResume,
  HttpSource,
  type HttpSourceOptions,
  type OpenedSource,
  OTHER_BYTES,
} from "./http-source.ts";
import { PartFile } from "./part-file.ts";
import { connectionError, type SourceError } from "./source-error.ts";
import { StallTimer } from "./stall-timer.ts";

export interface FetchLimits extends FileLimits {
  /** The limit on time without (nearly any) data, and on the wait for a response. */
  readonly stallMs: number;
  /** How many consecutive tries without progress fail the download. */
  readonly maxTries: number;
  readonly backoff: BackoffWindow;
  /** The longest total wait that servers may ask for with Retry-After before the download fails. */
  readonly patienceMs: number;
  /** How many streams may fetch parts of the file concurrently. */
  readonly connections: number;
}

export interface FetchFileOptions {
  readonly source: HttpSourceOptions;
  /** The path of the file. An unfinished download and its record are kept next to it. */
  readonly file: string;
  readonly limits: FetchLimits;
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly onProgress: (progress: FetchProgress) => void;
  /** Rejects a file that is not a video after its first bytes. Otherwise the file's reader must check. */
  readonly onlyVideo: boolean;
  /**
   * Decides whether an error is worth retrying until `signal` aborts, in addition to the usual transient errors.
   * For servers whose responses the caller can interpret.
   */
  readonly isTransient?: (status: number, answer: string) => boolean;
}

export interface FetchProgress {
  readonly received: number;
  /** Null until the server declares it. */
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

/** Less than this in `stallMs`, or in one try, counts as no progress. */
const WORTHWHILE_BYTES = 64 * 1024;
const PROGRESS_INTERVAL_MS = 250;
const MAX_PAUSE_MS = 60_000;
/** How often a wait reports progress, so that the stage does not count as stalled. */
const WAIT_REPORT_MS = 30_000;

/**
 * Downloads a video to a file: in several streams where the server serves ranges and a strong ETag, over a new
 * connection when one breaks, and from where an earlier process stopped.
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
  /** The next byte to store. */
  at: number;
}

/**
 * One stream leads: its tries and errors decide the download's outcome. Once an answer supports ranges, the leader
 * starts one helper to prove it, then the others. Each stream works on a span from `nextSpan` and stops where another
 * stream's work begins. A helper that fails leaves only a gap, and the leader can always finish alone.
 */
class Download {
  readonly #options: FetchFileOptions;
  readonly #source: HttpSource;
  readonly #part: PartFile;
  readonly #rate = new ByteRate();
  readonly #streams = new Set<Stream>();
  readonly #helpers = new Set<Promise<void>>();
  #helpersAbort = new AbortController();
  /** How many helpers may run: none before an answer supports ranges, one before a range was served. */
  #helpersWanted = 0;
  /** The error that stopped a helper and is not the server's fault, such as a full disk. */
  #fault: unknown = null;
  readonly #checks: DownloadChecks;
  #askedForAll = false;
  /** How many times the received bytes were discarded. */
  #restarts = 0;
  #lastReportMs = 0;

  constructor(options: FetchFileOptions) {
    this.#options = options;
    this.#source = new HttpSource(options.source);
    this.#part = new PartFile(options.file, options.source.url);
    this.#checks = new DownloadChecks({
      ...options,
      part: this.#part,
      pageAdvice: () => this.#source.pageAdvice,
    });
  }

  async run(): Promise<Result<FetchedFile, Failure>> {
    const { signal, limits, log } = this.#options;
    await this.#part.resume();
    let failures = 0;
    let { patienceMs } = limits;
    let served = false;
    while (!signal.aborted) {
      const before = this.#part.received;
      const error = await this.#lead();
      served ||= this.#part.received > 0;
      if (signal.aborted) break;
      if (error === null) return ok(await this.#part.finish());
      const wait = this.#isRetriedByCaller(error);
      if (!error.isTransient && !wait) {
        if (await this.#asksForAll(error)) continue;
        return err(served ? perhapsExpired(error.failure) : error.failure);
      }
      if (error.restart || !canResume(this.#part.validator)) await this.#startOver();
      const { retryAfterMs = 0 } = error;
      if (retryAfterMs > 0 && !wait) {
        if (retryAfterMs > patienceMs) return err(patienceExceeded(error.failure, retryAfterMs));
        patienceMs -= retryAfterMs;
        await this.#waitForServer(retryAfterMs);
        continue;
      }
      failures = this.#part.received - before >= WORTHWHILE_BYTES ? 1 : failures + 1;
      if (Math.max(failures, this.#restarts) >= limits.maxTries && !wait) {
        if (!(await this.#asksForAll(error))) return err(error.failure);
        failures = 0;
        continue;
      }
      const pauseMs = pauseAfter(failures, limits.backoff, error);
      log.warn(
        `download: ${error.failure.detail} Resuming at byte ${this.#part.received} in ${Math.round(pauseMs)} ms`,
      );
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    }
    return err(failure("agent_stopped", ""));
  }

  async #waitForServer(ms: number): Promise<void> {
    const { signal, log } = this.#options;
    log.info(`download: the server asks to try again in ${Math.round(ms / 1000)} s`);
    for (let left = ms; left > 0 && !signal.aborted; left -= WAIT_REPORT_MS) {
      const { received, total } = this.#part;
      this.#options.onProgress({ received, total, bytesPerSecond: 0, waitingMs: left });
      await sleep(Math.min(left, WAIT_REPORT_MS), undefined, { signal }).catch(() => undefined);
    }
  }

  /** Asks the caller only about responses and connections: problems with the file itself are permanent. */
  #isRetriedByCaller({ status, answer, isTransient }: SourceError): boolean {
    if (status === undefined && !isTransient) return false;
    return this.#options.isTransient?.(status ?? 0, answer ?? "") ?? false;
  }

  async close(): Promise<void> {
    await this.#stopHelpers();
    await this.#part.close();
  }

  /** A server may refuse only the rest of a file: then all of it is requested, once. */
  async #asksForAll({ status }: SourceError): Promise<boolean> {
    if (status === undefined || this.#part.received === 0 || this.#askedForAll) return false;
    this.#askedForAll = true;
    await this.#startOver();
    return true;
  }

  async #startOver(): Promise<void> {
    if (this.#part.received > 0) this.#restarts++;
    await this.#stopHelpers();
    await this.#part.startOver();
    this.#checks.reset();
  }

  async #stopHelpers(): Promise<void> {
    this.#helpersWanted = 0;
    this.#helpersAbort.abort();
    await Promise.all(this.#helpers);
    this.#helpersAbort = new AbortController();
  }

  /** @returns null when the file is complete */
  async #lead(): Promise<SourceError | null> {
    // Each try starts at the file's own URL; its later requests go to the URL that answered.
    let viaLastUrl = false;
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
      const error = await this.#stream(
        { from, to, viaLastUrl },
        this.#options.signal,
        async (opened, stream) => {
          if (opened.offset !== stream.at) await this.#startOver();
          this.#part.total = opened.total;
          this.#part.validator = opened.validator;
          stream.at = opened.offset;
          const most =
            opened.supportsRanges && opened.total !== null ? this.#options.limits.connections - 1 : 0;
          this.#helpersWanted ||= Math.min(1, most);
          return this.#checks.size() ?? (await this.#checks.room());
        },
      );
      if (error !== null) return error;
      viaLastUrl = true;
    }
    return this.#checks.head(true);
  }

  /** Starts helpers up to the wanted number, as long as there is work for them. */
  #startHelpers(): void {
    const { total, spans } = this.#part;
    if (total === null) return;
    while (this.#helpers.size < this.#helpersWanted && nextSpan(total, spans, this.#busy()) !== null) {
      const helper: Promise<void> = this.#help(total)
        .catch((error: unknown) => {
          this.#fault ??= error;
        })
        .finally(() => this.#helpers.delete(helper));
      // It has claimed its span by now, so the next helper gets a different one.
      this.#helpers.add(helper);
    }
  }

  /** Fetches spans alongside the leader until none are left, or until the server refuses. */
  async #help(total: number): Promise<void> {
    const { limits } = this.#options;
    const signal = AbortSignal.any([this.#options.signal, this.#helpersAbort.signal]);
    let failures = 0;
    while (!signal.aborted && failures < limits.maxTries) {
      const span = nextSpan(total, this.#part.spans, this.#busy());
      if (span === null) return;
      const before = this.#part.received;
      const error = await this.#stream({ ...span, viaLastUrl: true }, signal, async (opened, stream) => {
        // The length proves that it is the part: nobody waits for this stream's end, where another length would show.
        if (opened.offset !== stream.at || opened.total !== total || !opened.lengthAgrees) return NO_RANGES;
        this.#helpersWanted = Math.max(this.#helpersWanted, limits.connections - 1);
        return null;
      });
      if (error === null) continue;
      if (!error.isTransient || error.status !== undefined) {
        // The server refuses this many streams; those already open continue.
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
   * Opens a stream and stores its bytes, up to where another stream's work begins.
   *
   * @param admit checks the response before anything is stored
   */
  async #stream(
    span: { from: number; to: number | null; viaLastUrl?: boolean },
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
      if (opened.end !== null && stream.at + chunk.length > opened.end) return OTHER_BYTES;
      const limit = limitOf(stream.at, this.#part.spans, this.#busy(stream));
      const bytes = chunk.subarray(0, limit - stream.at);
      await this.#part.write(bytes, stream.at);
      stream.at += bytes.length;
      // Leaving the loop closes the connection.
      const problem = this.#checks.size() ?? this.#checks.head(false) ?? (await this.#checks.roomAgain());
      if (problem) return problem;
      this.#report();
      if (this.#checks.isHeadPassed) this.#startHelpers();
      if (stream.at === limit && stream.at !== opened.end) return null;
    }
    if (opened.end === null) this.#part.total = stream.at;
    else if (stream.at < opened.end) return BROKEN;
    // A range may end early, but a server must not send tiny pieces forever.
    else if (
      stream.at < (to ?? opened.total ?? Number.POSITIVE_INFINITY) &&
      stream.at - began < WORTHWHILE_BYTES
    )
      return BROKEN;
    return null;
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
  isTransient: true,
};
const NO_RANGES: SourceError = {
  failure: failure("source_server_error", "The server does not serve parts of the file."),
  isTransient: false,
};

/** Links with a signature are valid for minutes, perhaps fewer than the download takes. */
function perhapsExpired(refusal: Failure): Failure {
  const { code, detail } = refusal;
  if (code !== "source_denied" && code !== "source_not_found") return refusal;
  return failure(code, `${detail} It sent a part of the file before: the link may have expired.`);
}

function patienceExceeded({ code, detail }: Failure, waitMs: number): Failure {
  return failure(code, `${detail} It asks to try again in ${Math.ceil(waitMs / 60_000)} minutes.`);
}

function stalled(): SourceError {
  return { failure: failure("source_stalled", "No data arrived for too long."), isTransient: true };
}
