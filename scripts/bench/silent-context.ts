import { createLogger } from "@splatt/gpu-agent/log";
import type { StageContext } from "@splatt/gpu-agent/pipeline/stage";

/** For a stage that a benchmark runs alone. */
export function silentContext(dir: string): StageContext {
  return {
    dir,
    signal: new AbortController().signal,
    log: createLogger({ level: "silent", format: "json" }),
    report: () => undefined,
    toolOutput: () => undefined,
  };
}
