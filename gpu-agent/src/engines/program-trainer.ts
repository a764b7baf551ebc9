import { type EngineName, err, type Failure, failure, ok, type TrainReport } from "@splatt/shared";
import type { StageContext, StageResult } from "../pipeline/stage.ts";
import type { ToolExit } from "../processes/run-tool.ts";
import type { TrainedModel, TrainOptions } from "./engine.ts";
import { trainWithOomRetry } from "./oom-retry.ts";
import {
  newestSnapshot,
  removeIncomplete,
  removeSnapshots,
  type Snapshot,
  type SnapshotKind,
} from "./snapshots.ts";
import { runTrainingProgram, type TrainingProgram } from "./training-program.ts";
import type { TrainingProgress } from "./training-progress.ts";

/**
 * A training program that can resume from its snapshots. It is judged by its output files, never by its exit code
 * alone.
 */
export interface ProgramTrainer {
  readonly engine: EngineName;
  /** For messages, e.g. "Brush". */
  readonly label: string;
  readonly program: Pick<TrainingProgram, "file" | "parse" | "signs" | "share" | "silenceMs" | "refuse">;
  /** Time limits for starting and for a step. */
  readonly startMs: number;
  readonly stepMs: number;
  readonly snapshots: SnapshotKind;
  /** Steps done when the snapshot of step 0 is saved: 1 where steps count from 0. */
  readonly firstStep: 0 | 1;
  /** The failure when the program cannot be started. */
  readonly notFound: Failure;
  /** Why training cannot start now; null when it can. Not called when nothing is left to train. */
  readonly obstacle?: () => Promise<Failure | null>;
  /** Writes the program's input into the training's folder. @returns its arguments */
  prepare(options: TrainOptions, dir: string, from: Snapshot | null): Promise<Launch>;
  /** Whether the program's output says that it completed the last step. */
  succeeded(exit: ToolExit, progress: TrainingProgress): boolean;
  /**
   * @param newest the newest complete snapshot of the run
   * @returns the trained model, relative to `dir`; null when it is not of the last step
   */
  findModel(dir: string, iterations: number, newest: Snapshot | null): Promise<string | null>;
  /** What the program writes when it succeeds, e.g. "the last export". */
  readonly modelLabel: string;
  /** Evaluates, cleans up and reports on a complete training. @param progress null when an earlier attempt trained */
  finish(
    options: TrainOptions,
    model: string,
    progress: TrainingProgress | null,
    context: StageContext,
  ): Promise<StageResult<TrainReport>>;
}

export type Launch = Pick<TrainingProgram, "args" | "env">;

/**
 * Trains with a program, resuming an interrupted run. Retries once with smaller options when the GPU runs out of
 * memory.
 *
 * @param longSide the longer side, in pixels, at which `options` train
 * @returns or a code that the program's output explains, `training_failed`, or what `runTool` returns
 */
export async function trainWithProgram(
  trainer: ProgramTrainer,
  options: TrainOptions,
  longSide: number,
  context: StageContext,
): Promise<StageResult<TrainedModel>> {
  return trainWithOomRetry(options, longSide, context, (tried, noting, onProgress) =>
    trainOnce(trainer, tried, noting, onProgress),
  );
}

async function trainOnce(
  trainer: ProgramTrainer,
  options: TrainOptions,
  context: StageContext,
  onProgress: (progress: TrainingProgress) => void,
): Promise<StageResult<TrainedModel>> {
  const { engine, firstStep } = trainer;
  const { iterations } = options;
  const from = await lastSnapshot(trainer, context.dir);
  const isComplete = from !== null && from.step + firstStep === iterations;
  const earlier = isComplete ? await trainer.findModel(context.dir, iterations, from) : null;
  if (earlier !== null) {
    context.log.info(`${engine}: training was complete when the earlier attempt was interrupted`);
    return finished(trainer, options, earlier, null, context);
  }

  const obstacle = (await trainer.obstacle?.()) ?? null;
  if (obstacle !== null) return err(obstacle);
  let trained = await runFrom(trainer, options, from, context, onProgress);
  if (!trained.ok && trained.error.code === "training_failed" && from !== null) {
    // A snapshot that the program cannot resume from would fail every attempt.
    context.log.warn({ failure: trained.error }, `${engine}: resuming failed, training from the start`);
    await removeSnapshots(context.dir, trainer.snapshots, null);
    trained = await runFrom(trainer, options, null, context, onProgress);
  }
  if (!trained.ok) return trained;
  const { model, progress } = trained.value;
  return finished(trainer, options, model, progress, context);
}

async function finished(
  trainer: ProgramTrainer,
  options: TrainOptions,
  model: string,
  progress: TrainingProgress | null,
  context: StageContext,
): Promise<StageResult<TrainedModel>> {
  const report = await trainer.finish(options, model, progress, context);
  return report.ok ? ok({ model, report: report.value }) : report;
}

/** A program that succeeds has printed a step near the last one. */
const LEAST_STEPS_SHARE = 0.9;
/** Programs print every 10th step or so. */
const UNPRINTED_STEPS = 20;

/** Runs the program once and checks its output files. */
async function runFrom(
  trainer: ProgramTrainer,
  options: TrainOptions,
  from: Snapshot | null,
  context: StageContext,
  onProgress: (progress: TrainingProgress) => void,
): Promise<StageResult<{ readonly model: string; readonly progress: TrainingProgress }>> {
  const { iterations } = options;
  const launch = await trainer.prepare(options, context.dir, from);
  const run = await runTrainingProgram(
    {
      ...trainer.program,
      ...launch,
      cwd: context.dir,
      timeoutMs: trainer.startMs + iterations * trainer.stepMs,
      iterations,
      stepsDone: from === null ? 0 : from.step + trainer.firstStep,
      starting: from === null ? `starting ${trainer.label}` : `resuming ${trainer.label}`,
    },
    context,
    onProgress,
  );
  if (!run.ok) return run.error.code === "tool_missing" ? err(trainer.notFound) : run;
  const { exit, progress, evidence } = run.value;
  const newest = await lastSnapshot(trainer, context.dir);
  const model = await trainer.findModel(context.dir, iterations, newest);
  if (model === null || !trainer.succeeded(exit, progress)) {
    const missing = model === null ? trainer.modelLabel : "finishing the training";
    return err(evidence.conclude(exit, "training_failed", missing));
  }
  if (progress.step < LEAST_STEPS_SHARE * iterations - UNPRINTED_STEPS) {
    const steps = `after step ${progress.step} of ${iterations}`;
    return err(failure("training_failed", `It ended ${steps}, without an error.`));
  }
  return ok({ model, progress });
}

/** The newest complete snapshot of a run that has ended; truncated ones are deleted. */
async function lastSnapshot({ snapshots }: ProgramTrainer, dir: string): Promise<Snapshot | null> {
  await removeIncomplete(dir, snapshots);
  return newestSnapshot(dir, snapshots);
}
