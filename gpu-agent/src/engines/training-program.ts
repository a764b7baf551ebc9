import type { Failure, Result } from "@splatt/shared";
import { err, ok } from "@splatt/shared";
import type { StageContext } from "../pipeline/stage.ts";
import { runTool, type ToolExit } from "../processes/run-tool.ts";
import { FailureEvidence, type FailureSign } from "./failure-evidence.ts";
import {
  advance,
  metricPoint,
  progressMessage,
  startProgress,
  type TrainingEvent,
  type TrainingProgress,
} from "./training-progress.ts";

/** One run of a program that trains. */
export interface TrainingProgram {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly silenceMs: number;
  readonly iterations: number;
  /** Steps completed by an earlier run. */
  readonly stepsDone: number;
  /** What the program does before it prints anything, e.g. "starting nerfstudio". */
  readonly starting: string;
  /** The share of the stage's progress that the steps make up. */
  readonly share: number;
  readonly parse: (line: string) => TrainingEvent | null;
  readonly signs: readonly FailureSign[];
  /** Stops the program at a line that makes continuing pointless. @returns why, or null */
  readonly refuse?: (line: string) => Failure | null;
}

export interface TrainingRun {
  readonly exit: ToolExit;
  readonly progress: TrainingProgress;
  readonly evidence: FailureEvidence;
}

/**
 * Runs a training program to its end and reports its progress. The caller judges from the output files
 * whether it succeeded.
 *
 * @param onProgress called with each change of the progress
 * @returns the run, or the failure of `refuse` or `runTool`
 */
export async function runTrainingProgram(
  program: TrainingProgram,
  context: StageContext,
  onProgress: (progress: TrainingProgress) => void = () => undefined,
): Promise<Result<TrainingRun, Failure>> {
  const { iterations, parse } = program;
  const evidence = new FailureEvidence(program.signs);
  let progress = startProgress(program.stepsDone, program.starting);
  let refused: Failure | null = null;
  const refusal = new AbortController();
  const publish = () => {
    onProgress(progress);
    context.report({
      fraction: (program.share * progress.step) / iterations,
      message: progressMessage(progress, iterations),
      ...(progress.preparing === null ? { point: metricPoint(progress) } : {}),
    });
  };
  publish();
  const exit = await runTool({
    ...program,
    signal: AbortSignal.any([context.signal, refusal.signal]),
    onLine: (line) => {
      context.toolOutput(line);
      refused ??= program.refuse?.(line) ?? null;
      if (refused !== null) refusal.abort();
      evidence.observe(line);
      const event = parse(line);
      if (event === null) return;
      progress = advance(progress, event, iterations);
      publish();
    },
  });
  if (refused !== null && !context.signal.aborted) return err(refused);
  return exit.ok ? ok({ exit: exit.value, progress, evidence }) : exit;
}
