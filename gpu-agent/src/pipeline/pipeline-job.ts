import type {
  CompletedUpload,
  Failure,
  Fence,
  JobReport,
  JobSpec,
  Result,
  StageName,
  StageTiming,
} from "@splatt/shared";
import type { Logger } from "pino";
import type { JobLog } from "./job-log.ts";
import type { ResourceToken, StageProgress } from "./stage.ts";
import type { StageRecord } from "./stage-record.ts";
import type { UploadRecord } from "./upload-record.ts";

/** Receives what happens while the stages of a job run, and remembers the finished ones. */
export interface StageObserver {
  /** The record of a stage that finished before, in this run or an earlier one. */
  finishedStage(stage: StageName): StageRecord | undefined;
  /** Seconds that a stage, running or not, is expected to take from now on. */
  secondsLeft(stage: StageName): number;
  /** A stage is ready, but its resource token is taken. */
  waitFor(token: ResourceToken): void;
  /** @param resumed whether an interrupted run left files behind */
  beginStage(stage: StageName, resumed: boolean): Promise<void>;
  reportProgress(stage: StageName, progress: StageProgress): void;
  /** The running stage showed a sign of life. */
  noteActivity(): void;
  /** Records a finished stage; resolves when the record is saved. */
  finishStage(stage: StageName, record: StageRecord, timing: StageTiming): Promise<void>;
}

/** A job whose stages run in a folder. */
export interface StageJob extends StageObserver {
  /** The job's folder. */
  readonly dir: string;
  readonly log: Logger;
  readonly jobLog: JobLog;
  /** When this agent first accepted the job, in milliseconds since 1970. Older jobs get resource tokens first. */
  readonly acceptedAt: number;
}

/** A job as the pipeline sees it. */
export interface PipelineJob extends StageJob {
  readonly spec: JobSpec;
  /** The current fence: a re-adopted job gets another lease while it runs. */
  readonly fence: Fence;
  readonly report: JobReport;
  /** Adds to the report that the job ends with. */
  noteReport(change: Partial<JobReport>): void;
  upload(filename: string): UploadRecord | undefined;
  recordUpload(filename: string, upload: UploadRecord): Promise<void>;
}

/** Turns a job's video into delivered result files. */
export type Pipeline = (job: PipelineJob, signal: AbortSignal) => Promise<Result<CompletedUpload[], Failure>>;
