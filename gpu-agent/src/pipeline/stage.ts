import type { Failure, Result, StageName } from "@splatt/shared";
import type { Logger } from "pino";

/** What a running stage gets from the runner. */
export interface StageContext {
  /** Aborted on cancel, abandon and shutdown. A stage that sees it ends soon; its result is not looked at. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  /**
   * The folder that the stage writes to, and the only one. It may hold what an interrupted run of the same
   * stage on the same input left behind. When the stage succeeds the runner renames it to its final name,
   * so paths in the stage's output are relative to it.
   */
  readonly dir: string;
  /** The UUID of the GPU that is the stage's own; null, or none, leaves the choice to the tool. */
  readonly gpu?: string | null;
  /** Tells how far the stage is. Cheap; call it as often as there is news. */
  report(progress: StageProgress): void;
  /** A line that a tool printed: goes to the job's log, and proves that the stage is alive. */
  toolOutput(line: string): void;
}

export interface StageProgress {
  /** 0–1. */
  readonly fraction: number;
  readonly message: string;
}

export type StageResult<T> = Result<T, Failure>;

/**
 * A step of the pipeline whose output is kept on disk.
 *
 * `I` and `O` are plain JSON: the runner records `O` in job.json once the stage's folder is in place, and a
 * later attempt whose `key` is equal gets that record instead of running the stage again.
 */
export interface Stage<I, O> {
  readonly name: StageName;
  /** The scarce thing that the stage needs while it runs. */
  readonly token: ResourceToken;
  /** What of the input decides the output. Equal keys, equal output. */
  key(input: I): unknown;
  run(input: I, context: StageContext): Promise<StageResult<O>>;
}

export type ResourceToken = "network" | "cpu" | "gpu";
