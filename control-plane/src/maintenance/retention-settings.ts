import { retentionMs } from "@splatt/shared";
import { log } from "../log.ts";
import type { WorkerVariables } from "../worker-variables.ts";

/** How long files stay after their job has ended, in milliseconds; null is for ever. */
export interface Retention {
  readonly inputMs: number | null;
  readonly resultMs: number | null;
}

export const KEEP_ALL: Retention = { inputMs: null, resultMs: null };

const INPUT_DEFAULT_DAYS = 7;

/** A setting that cannot be read removes nothing. */
export function retentionOf(variables: WorkerVariables): Retention {
  const read = (name: "INPUT_RETENTION_DAYS" | "RESULT_RETENTION_DAYS", fallback: number | null) => {
    const ms = retentionMs(variables[name], fallback);
    if (ms === undefined) log("error", "retention setting not understood; nothing is removed", { name });
    return ms ?? null;
  };
  return {
    inputMs: read("INPUT_RETENTION_DAYS", INPUT_DEFAULT_DAYS),
    resultMs: read("RESULT_RETENTION_DAYS", null),
  };
}
