import { runTool } from "../../processes/run-tool.ts";
import { EARLY_SPLAT_FILE } from "../engine.ts";
import type { SteppedFile } from "../stepped-files.ts";
import { earlyCheckpoint } from "./checkpoints.ts";
import { type Installation, toolEnvironment } from "./installation.ts";
import { EARLY_SPLAT_SCRIPT } from "./python-scripts.ts";

/** Loading PyTorch and a checkpoint of millions of gaussians, while training has the processor busy. */
const TIMEOUT_MS = 5 * 60_000;

/** The splat of the newest checkpoint after a step, made on the processor. Null, too, when that fails. */
export async function earlySplat(
  installation: Installation | null,
  trainDir: string,
  after: number,
  signal: AbortSignal,
): Promise<SteppedFile | null> {
  const checkpoint = await earlyCheckpoint(trainDir, after);
  if (checkpoint === null || installation === null) return null;
  const exit = await runTool({
    file: installation.python,
    args: [EARLY_SPLAT_SCRIPT, checkpoint.file, EARLY_SPLAT_FILE],
    cwd: trainDir,
    env: toolEnvironment(installation.python, "none"),
    signal,
    timeoutMs: TIMEOUT_MS,
    silenceMs: TIMEOUT_MS,
    onLine: () => undefined,
  });
  return exit.ok && exit.value.exitCode === 0 ? { step: checkpoint.step, file: EARLY_SPLAT_FILE } : null;
}
