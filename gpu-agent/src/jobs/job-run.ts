import {
  type AgentMessage,
  type CompletedUpload,
  err,
  etaSeconds,
  type Failure,
  type Fence,
  failure,
  type HeldJob,
  type JobReport,
  overallProgress,
  type Result,
  STAGE_STATUS,
  type StageName,
  type StageSeconds,
  type StageTiming,
} from "@splatt/shared";
import type { Logger } from "pino";
import type { JobLog } from "../pipeline/job-log.ts";
import type { StageProgress } from "../pipeline/stage.ts";
import { systemFailure } from "../processes/system-failure.ts";
import type { JobRecordFile, StageRecord, UploadRecord } from "./job-record.ts";
import { isFinal, Outbox } from "./outbox.ts";

/**
 * Why a job's work was stopped before it came to its end. `shutdown` leaves it on disk, for the next start of the
 * agent to go on with; `returned` and `recalled` hand it back to the Dispatcher; `abandoned` is not reported,
 * because the job is no longer ours.
 */
export type StopReason = "cancelled" | "abandoned" | "shutdown" | "returned" | "recalled";

/** The pipeline, as a job runs it. */
export type Pipeline = (run: JobRun, signal: AbortSignal) => Promise<Result<CompletedUpload[], Failure>>;

export interface JobRunOptions {
  /** The job's folder in the workspace. */
  readonly dir: string;
  readonly file: JobRecordFile;
  readonly jobLog: JobLog;
  readonly log: Logger;
  readonly expected: StageSeconds;
  readonly send: (message: AgentMessage) => boolean;
  /** The run is over and everything about it was reported and acked. */
  readonly onEnd: (run: JobRun) => void;
}

/** One job in the agent's hands: it runs the pipeline, reports how far it is, and how it ended. */
export class JobRun {
  readonly file: JobRecordFile;
  readonly jobLog: JobLog;
  readonly log: Logger;
  readonly #outbox: Outbox;
  readonly #options: JobRunOptions;
  readonly #abort = new AbortController();
  #stopReason: StopReason | null = null;
  #done: Promise<void> = Promise.resolve();
  #started = false;
  /** The work is done, well or not. */
  #isOver = false;
  #stage: { name: StageName; since: number } | null = null;
  #lastOutputAt = performance.now();
  /** The latest progress, if it was not sent yet. */
  #news: Extract<AgentMessage, { type: "job.progress" }> | null = null;

  constructor(options: JobRunOptions) {
    this.file = options.file;
    this.jobLog = options.jobLog;
    this.log = options.log;
    this.#options = options;
    this.#outbox = new Outbox(options.file, (message) => options.send(message));
  }

  get dir(): string {
    return this.#options.dir;
  }

  get fence(): Fence {
    return this.file.record.fence;
  }

  get held(): HeldJob {
    const { fence, status, progress, message } = this.file.record;
    return { fence, status, progress, message };
  }

  get secondsSinceOutput(): number {
    return (performance.now() - this.#lastOutputAt) / 1000;
  }

  /** Begins, or goes on after a restart. What only waits for its last ack is not run again. */
  start(pipeline: Pipeline): void {
    if (this.#started) return;
    this.#started = true;
    this.#isOver = this.#outbox.hasFinal;
    if (this.#isOver) this.#outbox.resend();
    else this.#done = this.#run(pipeline);
  }

  /** Whether the job takes up a slot: not when it is being stopped, nor when only its last ack is waited for. */
  get holdsSlot(): boolean {
    return this.#stopReason === null && !this.#isOver;
  }

  /** Whether a stage has begun, or was found finished. */
  get hasBegun(): boolean {
    return this.#stage !== null || this.file.record.report.stages.length > 0;
  }

  /** Stops the work. Resolves when nothing of it runs any more. */
  async stop(reason: StopReason): Promise<void> {
    const isFirst = this.#stopReason === null;
    this.#stopReason ??= reason;
    this.#abort.abort();
    await this.#done;
    if (reason === "abandoned") return this.#end();
    // What has ended by itself has reported so, and what was stopped before is reported already.
    if (!isFirst || this.#outbox.hasFinal) return;
    if (reason === "cancelled") await this.#outbox.post({ type: "job.cancelled" });
    if (reason === "recalled") await this.#outbox.post({ type: "job.recalled" });
    if (reason === "returned") await this.#outbox.post({ type: "job.returned", reason: "The agent stops." });
  }

  async refence(fence: Fence): Promise<void> {
    await this.#outbox.refence(fence);
  }

  async acked(seq: number): Promise<void> {
    const message = await this.#outbox.acked(seq);
    if (message !== null && isFinal(message)) await this.#end();
  }

  resend(): void {
    this.#outbox.resend();
  }

  /** Sends the latest progress, if there is any news. */
  flushProgress(): void {
    if (this.#news !== null && this.#options.send({ ...this.#news, fence: this.fence })) this.#news = null;
  }

  heard(): void {
    this.#lastOutputAt = performance.now();
  }

  /** A stage begins: the status that it shows is reported, unless it is the one already shown. */
  async beginStage(name: StageName): Promise<void> {
    const status = STAGE_STATUS[name];
    const shown = this.#stage === null ? null : STAGE_STATUS[this.#stage.name];
    this.#stage = { name, since: performance.now() };
    this.heard();
    if (status === shown) return;
    const progress = Math.max(this.file.record.progress, overallProgress(name, 0, this.#options.expected));
    const message = BEGIN_MESSAGES[name];
    await this.file.update({ status, progress, message });
    await this.#outbox.post({ type: "job.stage", status, progress, message });
  }

  reportProgress(name: StageName, { fraction, message }: StageProgress): void {
    const { expected } = this.#options;
    const progress = Math.max(this.file.record.progress, overallProgress(name, fraction, expected));
    const elapsed = this.#stage === null ? 0 : (performance.now() - this.#stage.since) / 1000;
    this.#news = {
      type: "job.progress",
      fence: this.fence,
      progress,
      stage_progress: Math.round(100 * Math.min(1, Math.max(0, fraction))),
      message: message.slice(0, 2000),
      eta_seconds: etaSeconds(name, fraction, elapsed, expected),
    };
    if (progress !== this.file.record.progress) void this.file.update({ progress, message });
  }

  /** Adds to what the job's report says when it ends. */
  async noteReport(change: Partial<JobReport>): Promise<void> {
    await this.file.update({ report: { ...this.file.record.report, ...change } });
  }

  async noteTiming(timing: StageTiming): Promise<void> {
    const others = this.file.record.report.stages.filter(({ stage }) => stage !== timing.stage);
    await this.noteReport({ stages: [...others, timing] });
  }

  async finishStage(name: StageName, record: StageRecord, timing: StageTiming): Promise<void> {
    await this.file.update({ stages: { ...this.file.record.stages, [name]: record } });
    await this.noteTiming(timing);
  }

  async recordUpload(filename: string, upload: UploadRecord): Promise<void> {
    await this.file.update({ uploads: { ...this.file.record.uploads, [filename]: upload } });
  }

  async #run(pipeline: Pipeline): Promise<void> {
    const outcome = await pipeline(this, this.#abort.signal).catch((error: unknown) => {
      if (!this.#abort.signal.aborted) this.log.error(error, "the pipeline broke");
      const words = error instanceof Error ? error.message : String(error);
      return err(systemFailure(error) ?? failure("internal_error", words));
    });
    this.#isOver = true;
    await this.jobLog.close();
    if (this.#stopReason !== null) {
      this.log.info(`stopped: ${this.#stopReason}`);
      return;
    }
    const { report } = this.file.record;
    if (outcome.ok) {
      this.log.info("finished and uploaded");
      await this.#outbox.post({ type: "job.complete", uploads: outcome.value, report });
      return;
    }
    const { code, detail } = outcome.error;
    this.log.warn(`failed: ${code} ${detail}`);
    const log_tail = [...this.jobLog.tail];
    await this.#outbox.post({ type: "job.fail", code, detail: detail.slice(0, 2000), log_tail, report });
  }

  async #end(): Promise<void> {
    if (this.file.record.state === "ended") return;
    await this.file.update({ state: "ended", outbox: [] });
    this.#options.onEnd(this);
  }
}

const BEGIN_MESSAGES: { readonly [stage in StageName]: string } = {
  download: "Downloading video...",
  frames: "Extracting frames...",
  poses: "Running COLMAP...",
  train: "Training Gaussian Splat...",
  export: "Exporting...",
  upload: "Uploading results...",
};
