import type { Failure, Result } from "@splatt/shared";
import { runTool, type ToolCall, type ToolExit } from "../../processes/run-tool.ts";
import type { StageContext } from "../stage.ts";

export interface FrameTools {
  /** The programs, by name or path. */
  readonly ffmpeg: string;
  readonly ffprobe: string;
  /** The time limit for one command. */
  readonly commandTimeoutMs: number;
}

export function runFrameTool(
  tools: FrameTools,
  program: string,
  args: readonly string[],
  context: Pick<StageContext, "dir" | "signal">,
  output: Pick<ToolCall, "onLine" | "onBytes">,
): Promise<Result<ToolExit, Failure>> {
  return runTool({
    file: program,
    args,
    cwd: context.dir,
    env: {
      TERM: "dumb",
      AV_LOG_FORCE_NOCOLOR: "1",
      // A static ffmpeg crashes on every transport stream when it loads the system's own character tables to
      // convert the name of the channel.
      GCONV_PATH: "/dev/null",
    },
    signal: context.signal,
    timeoutMs: tools.commandTimeoutMs,
    // ffprobe is silent while it reads through a file whose data comes before its index.
    silenceMs: tools.commandTimeoutMs,
    confine: { reads: inputsOf(args) },
    ...output,
  });
}

/** The files that a command line of ffmpeg or ffprobe reads: see `inputUrl`. */
function inputsOf(args: readonly string[]): string[] {
  return args.flatMap((arg) => /^(?:subfile,[^:]*:)?file:(.*)$/s.exec(arg)?.[1] ?? []);
}
