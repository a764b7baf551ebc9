import { pino } from "pino";
import type { StageContext, StageProgress } from "../../pipeline/stage.ts";

export interface RecordingContext extends StageContext {
  readonly progress: StageProgress[];
  readonly output: string[];
  readonly cancel: AbortController;
}

/** A stage's context that records progress and output. */
export function recordingContext(dir: string): RecordingContext {
  const progress: StageProgress[] = [];
  const output: string[] = [];
  const cancel = new AbortController();
  return {
    dir,
    progress,
    output,
    cancel,
    signal: cancel.signal,
    log: pino({ level: "silent" }),
    report: (news) => progress.push(news),
    toolOutput: (line) => output.push(line),
  };
}
