import { mkdir } from "node:fs/promises";
import { pino } from "pino";
import type { StageContext, StageProgress } from "../../../pipeline/stage.ts";

/** A stage's context that keeps what the stage reports. */
export interface RecordedContext extends StageContext {
  readonly lines: string[];
  readonly reports: StageProgress[];
}

/** @param dir is created */
export async function recordedContext(
  dir: string,
  overrides: Partial<StageContext> = {},
): Promise<RecordedContext> {
  const lines: string[] = [];
  const reports: StageProgress[] = [];
  await mkdir(dir, { recursive: true });
  return {
    signal: new AbortController().signal,
    log: pino({ level: "silent" }),
    dir,
    report: (progress: StageProgress) => void reports.push(progress),
    toolOutput: (line: string) => void lines.push(line),
    ...overrides,
    lines,
    reports,
  };
}
