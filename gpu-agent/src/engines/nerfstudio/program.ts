import { err, type Failure, failure, type Result } from "@splatt/shared";
import type { StageContext } from "../../pipeline/stage.ts";
import { runTool, type ToolExit } from "../../processes/run-tool.ts";
import { type Installation, toolEnvironment } from "./installation.ts";

export interface Program {
  readonly args: readonly string[];
  /** The UUID of the GPU to use, "none" to hide all GPUs, or null to leave the choice to CUDA. */
  readonly gpu: string | "none" | null;
  /** The folder in which the training ran. */
  readonly cwd: string;
  readonly timeoutMs: number;
  readonly silenceMs: number;
  readonly onLine: (line: string) => void;
}

/** Runs one of nerfstudio's programs; all it prints goes to the job's log. */
export async function runProgram(
  installation: Installation | null,
  program: Program,
  context: StageContext,
): Promise<Result<ToolExit, Failure>> {
  if (installation === null) return err(noPython());
  const exit = await runTool({
    file: installation.python,
    args: program.args,
    cwd: program.cwd,
    env: toolEnvironment(installation.python, program.gpu),
    signal: context.signal,
    timeoutMs: program.timeoutMs,
    silenceMs: program.silenceMs,
    onLine: (line) => {
      context.toolOutput(line);
      program.onLine(line);
    },
  });
  return !exit.ok && exit.error.code === "tool_missing" ? err(noPython()) : exit;
}

export function noPython(): Failure {
  return failure("engine_unavailable", "The Python in which nerfstudio is installed was not found.");
}
