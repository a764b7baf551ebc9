import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type AgentMessage,
  type Fence,
  type JobEntries,
  type JobRead,
  MAX_ENTRIES_BYTES,
} from "@splatt/shared";
import type { JobLog } from "../pipeline/job-log.ts";
import type { MetricSeries } from "../pipeline/metric-series.ts";

/** News is collected for this long, so that a tool that prints a lot sends few messages. */
const COLLECT_MS = 300;
/** How long a job that failed waits for watchers to read the end of its log, which nothing stores. */
const FAREWELL_MS = 3000;
/** A point takes about 80 bytes as JSON. */
const MAX_POINTS = Math.floor(MAX_ENTRIES_BYTES / 100);
/** The rest of a `job.entries`. */
const MAX_LINES_BYTES = MAX_ENTRIES_BYTES - 600;

interface StreamReadsOptions {
  /** Which log this is: the same for as long as the job's folder exists. */
  readonly logId: string;
  readonly jobLog: JobLog;
  readonly metrics: MetricSeries;
  readonly fence: () => Fence;
  /** @returns whether the message was sent */
  readonly send: (message: AgentMessage) => boolean;
}

/**
 * Answers `job.read`: what watchers of the job want of its log and its curves. Nothing is sent that nobody asked for.
 */
export class StreamReads {
  readonly #options: StreamReadsOptions;
  readonly #seriesId = randomUUID();
  readonly #open = new Map<string, JobRead>();
  /** The open reads whose last answer did not reach the end. */
  readonly #behind = new Set<string>();
  #timer: NodeJS.Timeout | null = null;

  constructor(options: StreamReadsOptions) {
    this.#options = options;
    options.jobLog.watch(() => this.#noteNews());
    options.metrics.watch(() => this.#noteNews());
  }

  request(read: JobRead): void {
    const key = `${read.stream} ${read.lane}`;
    this.#open.set(key, read);
    void this.#answer(key, read);
  }

  /** The job has ended: answers at once, and lets those who read its log reach the end. */
  async finish(isLogStored: boolean): Promise<void> {
    await this.#answerAll();
    const deadline = performance.now() + (isLogStored ? 0 : FAREWELL_MS);
    while (this.#behind.size > 0 && performance.now() < deadline) await sleep(COLLECT_MS);
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #noteNews(): void {
    if (this.#open.size === 0) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      void this.#answerAll();
    }, COLLECT_MS).unref();
  }

  async #answerAll(): Promise<void> {
    await Promise.all([...this.#open].map(([key, read]) => this.#answer(key, read)));
  }

  async #answer(key: string, read: JobRead): Promise<void> {
    const piece = await this.#piece(read);
    // Another read has replaced it, or it has been answered meanwhile.
    if (this.#open.get(key) !== read) return;
    const { entries, more } = piece;
    const count = entries.stream === "log" ? entries.lines.length : entries.points.length;
    const isDue = count > 0 || !read.wait;
    if (isDue && this.#options.send(piece)) {
      this.#open.delete(key);
      if (more) this.#behind.add(key);
      else this.#behind.delete(key);
    } else if (more) {
      this.#noteNews();
    }
  }

  async #piece({ stream, lane, position }: JobRead): Promise<JobEntries> {
    const { logId, jobLog, metrics, fence } = this.#options;
    const id = stream === "log" ? logId : this.#seriesId;
    const isOther = position.id !== null && position.id !== id;
    const next = isOther ? 0 : position.next;
    const base = { type: "job.entries", lane, position, id } as const;
    if (stream === "log") {
      const { from, lines, more } = await jobLog.read(next, MAX_LINES_BYTES);
      return { ...base, fence: fence(), from, more, entries: { stream, lines } };
    }
    const { from, points, more } = metrics.read(next, MAX_POINTS);
    return { ...base, fence: fence(), from, more, entries: { stream, points } };
  }
}
