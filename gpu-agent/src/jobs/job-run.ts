import {
  type AgentMessage,
  err,
  errorText,
  type Failure,
  type Fence,
  failure,
  type HeldJob,
  type JobRead,
  type JobReport,
  type JobSpec,
  MAX_FRAME_BYTES,
  STAGE_STATUS,
  type StageName,
  type StageTiming,
} from "@splatt/shared";
import type { Logger } from "pino";
import type { AgentJob } from "../owner/control-protocol.ts";
import type { JobLog } from "../pipeline/job-log.ts";
import { MetricSeries } from "../pipeline/metric-series.ts";
import type { Pipeline, PipelineJob } from "../pipeline/pipeline-job.ts";
import type { ResourceToken, StageProgress } from "../pipeline/stage.ts";
import type { StageRecord } from "../pipeline/stage-record.ts";
import type { JobClock } from "../pipeline/timing/job-clock.ts";
import type { StageRun } from "../pipeline/timing/stage-history.ts";
import type { UploadRecord } from "../pipeline/upload-record.ts";
import { systemFailure } from "../processes/system-failure.ts";
import type { JobRecordFile } from "./job-record.ts";
import { isFinal, Outbox } from "./outbox.ts";
import { StreamReads } from "./stream-reads.ts";

/**
 * Why a job was stopped before it finished. `shutdown` leaves it on disk, and the agent's next start resumes it;
 * `returned` and `recalled` return it to the Dispatcher; `abandoned` is not reported, because the lease is lost.
 */
export type StopReason = "cancelled" | "abandoned" | "shutdown" | "returned" | "recalled";

/** The most characters of a message or detail. The protocol allows more, but limits the bytes of a whole frame. */
const MAX_TEXT = 1000;
/** The most bytes of the log's tail in a frame: half of it. */
const MAX_LOG_TAIL_BYTES = MAX_FRAME_BYTES / 2;

export interface JobRunOptions {
  /** The job's folder in the workspace. */
  readonly dir: string;
  readonly file: JobRecordFile;
  readonly jobLog: JobLog;
  readonly log: Logger;
  readonly clock: JobClock;
  /** A stage has run from its beginning to its end. */
  readonly recordStageRun: (run: StageRun) => Promise<void>;
  readonly send: (message: AgentMessage) => boolean;
  /** The run is over, and every message about it was acked. */
  readonly onEnd: (run: JobRun) => void;
}

/** A job that this agent holds: runs the pipeline, and reports its progress and outcome. */
export class JobRun implements PipelineJob {
  readonly file: JobRecordFile;
  readonly jobLog: JobLog;
  readonly log: Logger;
  readonly #outbox: Outbox;
  readonly #options: JobRunOptions;
  readonly #metrics = new MetricSeries();
  readonly #reads: StreamReads;
  readonly #abort = new AbortController();
  #stopReason: StopReason | null = null;
  #done: Promise<void> = Promise.resolve();
  #started = false;
  /** The pipeline has ended, successfully or not. */
  #isOver = false;
  #stage: StageName | null = null;
  #lastOutputAt = performance.now();
  /** The latest progress message. */
  #message: string;
  /** The latest progress, unless it was already sent. */
  #news: Extract<AgentMessage, { type: "job.progress" }> | null = null;

  constructor(options: JobRunOptions) {
    this.file = options.file;
    this.jobLog = options.jobLog;
    this.log = options.log;
    this.#options = options;
    this.#message = options.file.record.message;
    this.#outbox = new Outbox(options.file, (message) => options.send(message));
    this.#reads = new StreamReads({
      logId: String(options.file.record.accepted_at),
      jobLog: options.jobLog,
      metrics: this.#metrics,
      fence: () => this.fence,
      send: (message) => options.send(message),
    });
  }

  get dir(): string {
    return this.#options.dir;
  }

  get fence(): Fence {
    return this.file.record.fence;
  }

  get spec(): JobSpec {
    return this.file.record.spec;
  }

  get acceptedAt(): number {
    return this.file.record.accepted_at;
  }

  get report(): JobReport {
    return this.file.record.report;
  }

  get held(): HeldJob {
    const { fence, status, progress, message } = this.file.record;
    return { fence, status, progress, message };
  }

  /** As `splatt-agent status` shows it. */
  get status(): AgentJob {
    const { fence, status, progress } = this.file.record;
    return {
      job_id: fence.job_id,
      attempt: fence.attempt,
      status,
      progress,
      message: this.#message,
      eta_seconds: this.#isOver ? null : this.#options.clock.etaSeconds,
      seconds_since_output: Math.round(this.secondsSinceOutput),
    };
  }

  get secondsSinceOutput(): number {
    return (performance.now() - this.#lastOutputAt) / 1000;
  }

  /** Starts the job, or resumes it after a restart. A job that only waits for its final ack does not run again. */
  start(pipeline: Pipeline): void {
    if (this.#started) return;
    this.#started = true;
    this.#isOver = this.#outbox.hasFinal;
    if (this.#isOver) this.#outbox.resend();
    else this.#done = this.#run(pipeline);
  }

  /** Whether the job takes a slot. It does not while it stops, or only waits for its final ack. */
  get holdsSlot(): boolean {
    return this.#stopReason === null && !this.#isOver;
  }

  /** Whether a stage has begun, or was reused. */
  get hasBegun(): boolean {
    return this.#stage !== null || this.file.record.report.stages.length > 0;
  }

  /** Whether the job trains or has trained. A pause lets such a job finish. */
  get isPastWaiting(): boolean {
    const { status } = this.file.record;
    return this.#isOver || (this.hasBegun && (status === "training" || status === "exporting"));
  }

  /**
   * Stops the job. Resolves when none of its processes run any more.
   *
   * @param why the reason sent with a returned job
   */
  async stop(reason: StopReason, why = ""): Promise<void> {
    const isFirst = this.#stopReason === null;
    this.#stopReason ??= reason;
    this.#abort.abort();
    await this.#done;
    if (reason === "abandoned") return this.#end();
    // A job that finished, or was stopped before, has already been reported.
    if (!isFirst || this.#outbox.hasFinal) return;
    if (reason === "cancelled") await this.#outbox.post({ type: "job.cancelled" });
    if (reason === "recalled") await this.#outbox.post({ type: "job.recalled" });
    if (reason === "returned") await this.#outbox.post({ type: "job.returned", reason: why });
  }

  /** Fails the job although its pipeline has not ended, because the disk holds it. */
  async giveUp(why: Failure): Promise<void> {
    if (!this.#started || this.#isOver || this.#stopReason !== null) return;
    this.#isOver = true;
    this.#abort.abort();
    await this.#fail(why);
  }

  async refence(fence: Fence, lastSeq: number): Promise<void> {
    await this.#outbox.refence(fence, lastSeq);
  }

  async acked(seq: number): Promise<void> {
    const message = this.#outbox.acked(seq);
    if (message !== null && isFinal(message)) await this.#end();
  }

  resend(): void {
    this.#outbox.resend();
  }

  /** Sends a watcher's entries of a stream. */
  read(request: JobRead): void {
    this.#reads.request(request);
  }

  /** Sends the latest progress unless it was already sent. */
  flushProgress(): void {
    if (this.#news !== null && this.#options.send({ ...this.#news, fence: this.fence })) this.#news = null;
  }

  noteActivity(): void {
    this.#lastOutputAt = performance.now();
  }

  finishedStage(name: StageName): StageRecord | undefined {
    return this.file.record.stages[name];
  }

  secondsLeft(name: StageName): number {
    return this.#options.clock.secondsLeft(name);
  }

  /** The next stage waits for its token. The status stays that of the previous stage. */
  waitFor(token: ResourceToken): void {
    this.noteActivity();
    this.#report(WAIT_MESSAGES[token], 0);
  }

  /** A stage begins. Its status is reported unless the previous stage has the same one. */
  async beginStage(name: StageName, resumed = false): Promise<void> {
    const { clock } = this.#options;
    const status = STAGE_STATUS[name];
    const shown = this.#stage === null ? null : STAGE_STATUS[this.#stage];
    this.#stage = name;
    clock.begin(name, resumed);
    this.noteActivity();
    if (status === shown) return;
    const progress = Math.max(this.file.record.progress, clock.percent);
    const message = BEGIN_MESSAGES[name];
    this.#message = message;
    // Unsent progress of the previous stage is obsolete.
    this.#news = null;
    await this.#outbox.post({ type: "job.stage", status, progress, message }, { status, progress, message });
  }

  reportProgress(name: StageName, { fraction, message, secondsLeft, point }: StageProgress): void {
    if (point !== undefined) this.#metrics.add(point, performance.now());
    this.#options.clock.observe(name, fraction, secondsLeft);
    this.#report(message, this.#options.clock.stagePercent);
  }

  #report(message: string, stageProgress: number): void {
    const { clock } = this.#options;
    const progress = Math.max(this.file.record.progress, clock.percent);
    this.#message = message.slice(0, MAX_TEXT);
    this.#news = {
      type: "job.progress",
      fence: this.fence,
      progress,
      stage_progress: stageProgress,
      message: this.#message,
      eta_seconds: clock.etaSeconds,
    };
    this.file.note({ progress, message: this.#message });
  }

  /** Adds to the report that is sent when the job ends. */
  noteReport(change: Partial<JobReport>): void {
    this.file.note({ report: { ...this.file.record.report, ...change } });
  }

  async finishStage(name: StageName, record: StageRecord, timing: StageTiming): Promise<void> {
    const run = this.#options.clock.finish(record, timing);
    const { report, stages } = this.file.record;
    const others = report.stages.filter(({ stage }) => stage !== name);
    await this.file.update({
      stages: { ...stages, [name]: record },
      report: { ...report, stages: [...others, timing] },
    });
    if (run !== null) await this.#options.recordStageRun(run);
  }

  upload(filename: string): UploadRecord | undefined {
    return this.file.record.uploads[filename];
  }

  async recordUpload(filename: string, upload: UploadRecord): Promise<void> {
    await this.file.update({ uploads: { ...this.file.record.uploads, [filename]: upload } });
  }

  async #run(pipeline: Pipeline): Promise<void> {
    const outcome = await pipeline(this, this.#abort.signal).catch((error: unknown) => {
      if (!this.#abort.signal.aborted) this.log.error(error, "the pipeline threw an error");
      return err(systemFailure(error) ?? failure("internal_error", errorText(error)));
    });
    // It was given up meanwhile.
    if (this.#isOver) return;
    this.#isOver = true;
    await this.jobLog.close();
    if (this.#stopReason === null) await this.#reads.finish(outcome.ok);
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
    await this.#fail(outcome.error);
  }

  async #fail({ code, detail }: Failure): Promise<void> {
    const { report } = this.file.record;
    this.log.warn(`failed: ${code} ${detail}`);
    const log_tail = this.jobLog.newest(MAX_LOG_TAIL_BYTES);
    await this.#outbox.post({ type: "job.fail", code, detail: detail.slice(0, MAX_TEXT), log_tail, report });
  }

  async #end(): Promise<void> {
    // The pipeline of a job that was given up must not meet that of its next attempt.
    await this.#done;
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

const WAIT_MESSAGES: { readonly [token in ResourceToken]: string } = {
  network: "Waiting for the downloads and uploads of other jobs...",
  cpu: "Waiting for the CPU, which another job is using...",
  gpu: "Waiting for a GPU, which another job is using...",
};
