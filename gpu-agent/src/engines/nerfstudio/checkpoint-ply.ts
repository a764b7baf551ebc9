import { runTool } from "../../processes/run-tool.ts";
import { type Installation, toolEnvironment } from "./installation.ts";
import { CHECKPOINT_PLY_SCRIPT } from "./python-scripts.ts";

/** Covers loading PyTorch and millions of gaussians while training keeps the CPU busy. */
const TIMEOUT_MS = 10 * 60_000;

/**
 * Writes the splat of a checkpoint as a PLY with spherical harmonics, on the CPU and within seconds.
 *
 * @returns false when that fails, for example for a checkpoint of another version
 */
export async function writeCheckpointPly(
  installation: Installation,
  run: {
    /** The folder in which the training ran, to which `checkpoint` and `ply` may be relative. */
    readonly trainDir: string;
    readonly checkpoint: string;
    readonly ply: string;
    readonly signal: AbortSignal;
    readonly onLine?: (line: string) => void;
  },
): Promise<boolean> {
  const { onLine = () => undefined } = run;
  const exit = await runTool({
    file: installation.python,
    args: [CHECKPOINT_PLY_SCRIPT, run.checkpoint, run.ply],
    cwd: run.trainDir,
    env: toolEnvironment(installation.python, "none"),
    signal: run.signal,
    timeoutMs: TIMEOUT_MS,
    silenceMs: TIMEOUT_MS,
    onLine,
  });
  return exit.ok && exit.value.exitCode === 0;
}
