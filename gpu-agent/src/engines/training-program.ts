import type { Failure, Result } from "@splatt/shared";
import { ok } from "@splatt/shared";
import type { StageContext } from "../pipeline/stage.ts";
import { runTool, type ToolExit } from "../processes/run-tool.ts";
import { FailureEvidence, type FailureSign } from "./failure-evidence.ts";
import {
  advance,
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
  /** Steps that an earlier run has done. */
  readonly stepsDone: number;
  /** What the program does before it prints anything, e.g. "starting nerfstudio". */
  readonly starting: string;
  /** The part of the stage's progress that the steps are. */
  readonly share: number;
  readonly parse: (line: string) => TrainingEvent | null;
  readonly signs: readonly FailureSign[];
}

export interface TrainingRun {
  readonly exit: ToolExit;
  readonly progress: TrainingProgress;
  readonly evidence: FailureEvidence;
}

/**
 * Runs a training program to its end and tells its progress on the way. Whether it succeeded is for the
 * caller to judge, by what it left.
 *
 * @param onProgress hears each step of the progress too
 * @returns or what `runTool` fails with
 */
export async function runTrainingProgram(
  program: TrainingProgram,
  context: StageContext,
  onProgress: (progress: TrainingProgress) => void = () => undefined,
): Promise<Result<TrainingRun, Failure>> {
  const { iterations, parse } = program;
  const evidence = new FailureEvidence(program.signs);
  let progress = startProgress(program.stepsDone, program.starting);
  const tell = () => {
    onProgress(progress);
    context.report({
      fraction: (program.share * progress.step) / iterations,
      message: progressMessage(progress, iterations),
    });
  };
  tell();
  const exit = await runTool({
    ...program,
    signal: context.signal,
    onLine: (line) => {
      context.toolOutput(line);
      evidence.observe(line);
      const event = parse(line);
      if (event === null) return;
      progress = advance(progress, event, iterations);
      tell();
    },
  });
  return exit.ok ? ok({ exit: exit.value, progress, evidence }) : exit;
}
