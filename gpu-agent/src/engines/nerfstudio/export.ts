import { basename, dirname } from "node:path";
import { plyVertexCount } from "@splatt/formats";
import { err, type Failure, failure, ok, type Result, type TrainReport } from "@splatt/shared";
import type { StageContext, StageResult } from "../../pipeline/stage.ts";
import type { TrainedModel } from "../engine.ts";
import { FailureEvidence } from "../failure-evidence.ts";
import { writeCheckpointPly } from "./checkpoint-ply.ts";
import { newestCheckpoint } from "./checkpoints.ts";
import { NERFSTUDIO_SIGNS } from "./failure-signs.ts";
import type { Installation } from "./installation.ts";
import { runProgram } from "./program.ts";
import { commandLine, exportArgs } from "./run-layout.ts";

/** ns-export's loop over all gaussians prints nothing; a million takes about a minute. */
const EXPORT_TIMEOUT_MS = 60 * 60_000;

/**
 * Writes the trained model as a PLY with spherical harmonics, from its last checkpoint: with our own program, or with
 * ns-export when ours cannot read the checkpoint. Neither needs a GPU (see `datasetView`), so another job can train in
 * the meantime.
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
  context.report({ fraction: 0, message: "Exporting the splat" });
  const { signal, toolOutput: onLine } = context;
  const checkpoint = await newestCheckpoint(trainDir);
  const lastStep = model.report.iterations - 1;
  if (checkpoint !== null && checkpoint.step !== lastStep) {
    const steps = `The newest checkpoint is of step ${checkpoint.step}, but training ended at step ${lastStep}.`;
    return err(failure("export_failed", steps));
  }
  const isWritten =
    installation !== null &&
    checkpoint !== null &&
    (await writeCheckpointPly(installation, {
      ...{ trainDir, checkpoint: checkpoint.file, ply: file },
      ...{ signal, onLine },
    }));
  if (!isWritten) {
    context.log.warn("nerfstudio: the checkpoint could not be read (see the job's log); trying ns-export");
    const exported = await runExport(installation, trainDir, file, context);
    if (!exported.ok) return exported;
  }
  const gaussians = await plyVertexCount(file);
  if (!gaussians.ok) return err(failure("export_failed", `The PLY cannot be read: ${gaussians.error}.`));
  if (gaussians.value === 0) return err(failure("training_diverged", "No gaussian is left."));
  context.report({ fraction: 1, message: "Exported the splat" });
  return ok({ ...model.report, gaussians: gaussians.value });
}

async function runExport(
  installation: Installation | null,
  trainDir: string,
  file: string,
  context: StageContext,
): Promise<Result<void, Failure>> {
  const evidence = new FailureEvidence(NERFSTUDIO_SIGNS);
  const exit = await runProgram(
    installation,
    {
      args: commandLine(exportArgs(dirname(file), basename(file))),
      gpu: "none",
      cwd: trainDir,
      timeoutMs: EXPORT_TIMEOUT_MS,
      silenceMs: EXPORT_TIMEOUT_MS,
      onLine: (line) => evidence.observe(line),
    },
    context,
  );
  if (!exit.ok) return exit;
  return exit.value.exitCode === 0
    ? ok(undefined)
    : err(evidence.conclude(exit.value, "export_failed", "a result"));
}
