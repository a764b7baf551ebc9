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

/** Receives the events of a job's stages, and records the finished ones. */
export interface StageObserver {
  /** The record of a stage that finished in this run or an earlier one. */
  finishedStage(stage: StageName): StageRecord | undefined;
  /** The expected seconds until a running stage ends, or that a later one will take. */
  secondsLeft(stage: StageName): number;
  /** A stage waits for its resource token. */
  waitFor(token: ResourceToken): void;
  /** @param resumed whether an interrupted run left files behind */
  beginStage(stage: StageName, resumed: boolean): Promise<void>;
  reportProgress(stage: StageName, progress: StageProgress): void;
  /** The running stage made progress or printed output. */
  noteActivity(): void;
  /** Records a finished stage; resolves when the record is saved. */
  finishStage(stage: StageName, record: StageRecord, timing: StageTiming): Promise<void>;
}

/** A job with a folder for its stages. */
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
