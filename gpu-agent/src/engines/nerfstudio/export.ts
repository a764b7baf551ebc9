import { basename, dirname } from "node:path";
import { err, failure, ok, type TrainReport } from "@splatt/shared";
import type { StageContext, StageResult } from "../../pipeline/stage.ts";
import { plyVertexCount } from "../../splat/ply-vertex-count.ts";
import type { TrainedModel } from "../engine.ts";
import { FailureEvidence } from "../failure-evidence.ts";
import { NERFSTUDIO_SIGNS } from "./failure-signs.ts";
import type { Installation } from "./installation.ts";
import { runProgram } from "./program.ts";
import { exportArgs } from "./run-layout.ts";

/** Its loop over all gaussians prints nothing; a million takes about a minute. */
const EXPORT_TIMEOUT_MS = 60 * 60_000;

/**
 * Writes the trained model as a PLY with spherical harmonics. Needs no GPU (see `datasetView`), so that it
 * can run while another job trains.
 *
 * Fails with `training_diverged`, `export_failed`, `engine_unavailable`, `disk_full`, or what `runTool` returns.
 */
export async function exportSplats(
  installation: Installation | null,
  trainDir: string,
  model: TrainedModel,
  file: string,
  context: StageContext,
): Promise<StageResult<TrainReport>> {
  const evidence = new FailureEvidence(NERFSTUDIO_SIGNS);
  context.report({ fraction: 0, message: "Exporting the splat" });
  const exit = await runProgram(
    installation,
    {
      args: exportArgs(dirname(file), basename(file)),
      gpu: "none",
      cwd: trainDir,
      timeoutMs: EXPORT_TIMEOUT_MS,
      silenceMs: EXPORT_TIMEOUT_MS,
      onLine: (line) => evidence.observe(line),
    },
    context,
  );
  if (!exit.ok) return exit;
  if (exit.value.exitCode !== 0) return err(evidence.conclude(exit.value, "export_failed", "a result"));
  const gaussians = await plyVertexCount(file);
  if (!gaussians.ok) {
    return err(failure("export_failed", `What ns-export wrote cannot be read: ${gaussians.error}.`));
  }
  if (gaussians.value === 0) return err(failure("training_diverged", "No gaussian is left."));
  context.report({ fraction: 1, message: "Exported the splat" });
  return ok({ ...model.report, gaussians: gaussians.value });
}
