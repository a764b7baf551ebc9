import type { Failure, MetricPoint, Result, StageName } from "@splatt/shared";
import type { Logger } from "pino";

/** What the runner provides to a running stage. */
export interface StageContext {
  /** Aborted on cancel, abandon and shutdown. The stage must then end soon; its result is ignored. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  /**
   * The only folder that the stage writes to. It may contain the files of an interrupted run of the same stage on the
   * same input. When the stage succeeds, the runner renames the folder, so paths in the stage's output are relative to
   * it.
   */
  readonly dir: string;
  /** The UUID of the stage's GPU; null or undefined leaves the choice to the tool. */
  readonly gpu?: string | null;
  /** Reports progress. Cheap, so call it at every change. */
  report(progress: StageProgress): void;
  /** Adds a tool's output line to the job's log, and resets the silence limit. */
  toolOutput(line: string): void;
}

export interface StageProgress {
  /** 0–1. */
  readonly fraction: number;
  readonly message: string;
  /** The seconds until the stage ends, where it knows better than its history; until its next report. */
  readonly secondsLeft?: number;
  /** What is known of the training at this step. */
  readonly point?: MetricPoint;
}

export type StageResult<T> = Result<T, Failure>;

/**
 * A step of the pipeline whose output is kept on disk.
 *
 * `I` and `O` are plain JSON: the runner records `O` in job.json once the stage's folder is in place, and a
 * later attempt with an equal `key` reuses that record instead of running the stage again.
 */
export interface Stage<I, O> {
  readonly name: StageName;
  /** The scarce resource that the stage holds while it runs. */
  readonly token: ResourceToken;
  /** The parts of the input that determine the output: equal keys mean equal output. */
  key(input: I): unknown;
  run(input: I, context: StageContext): Promise<StageResult<O>>;
}

export type ResourceToken = "network" | "cpu" | "gpu";
